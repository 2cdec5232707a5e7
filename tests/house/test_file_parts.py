"""Files travel in parts: what is joined is what was cut, or an error."""

import hashlib

import file_parts
import numpy as np
import pytest

DATA = np.random.default_rng(0).integers(0, 256, 1000, np.uint8).tobytes()


@pytest.fixture
def cut(tmp_path):
    """Function that cuts a file into a folder's parts."""

    def cut(*sizes):
        (tmp_path / "file.zip").write_bytes(DATA)
        folder = tmp_path / "parts"
        folder.mkdir()
        for name, data in file_parts.cut(tmp_path / "file.zip", *sizes):
            (folder / name).write_bytes(data)
        return folder

    return cut


@pytest.mark.parametrize(
    ("sizes", "count"), [((300,), 4), ((300, 100), 4), ((500, 500), 2), ((1000,), 1), ((5000,), 1)]
)
def test_parts_keep_the_limit_and_join_to_the_same_file(cut, tmp_path, sizes, count):
    folder = cut(*sizes)
    assert len(list(folder.iterdir())) == count and all(path.stat().st_size <= sizes[0] for path in folder.iterdir())
    ((whole, parts),) = file_parts.find([folder]).items()
    file_parts.join(whole, parts, tmp_path / "joined")
    assert hashlib.sha256((tmp_path / "joined").read_bytes()).digest() == hashlib.sha256(DATA).digest()


def test_parts_may_lie_in_several_folders(cut, tmp_path):
    folder, other = cut(600), tmp_path / "other"
    other.mkdir()
    first = next(folder.iterdir())
    first.rename(other / first.name)
    ((whole, parts),) = file_parts.find([folder, other]).items()
    file_parts.join(whole, parts, tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == DATA


def test_a_missing_part_is_named(cut, tmp_path):
    folder = cut(300)
    next(folder.glob("*.2of4.*")).unlink()
    ((whole, parts),) = file_parts.find([folder]).items()
    with pytest.raises(ValueError, match=r"has 4 parts\. Missing: 2"):
        file_parts.join(whole, parts, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_a_damaged_part_is_refused(cut, tmp_path):
    folder = cut(300)
    part = next(folder.glob("*.3of4.*"))
    part.write_bytes(b"x" + part.read_bytes()[1:])
    ((whole, parts),) = file_parts.find([folder]).items()
    with pytest.raises(ValueError, match="is damaged"):
        file_parts.join(whole, parts, tmp_path / "joined")
    assert not (tmp_path / "joined").exists()
