"""What is packed for a GPU machine is what is unpacked there."""

import subprocess
import sys

import file_parts
import numpy as np
import pytest
from click.testing import CliRunner

MIB = 1 << 20


@pytest.fixture
def pack(load_script, npz, tmp_path, monkeypatch):
    """Function that packs the data with a limit in MiB a call, and returns the folders."""

    def pack(limit):
        script = load_script("gpu_pack")
        monkeypatch.setattr(
            script, "download_wheels", lambda folder, python: (folder / "a.whl").write_bytes(bytes(8000))
        )
        (tmp_path / "data").mkdir()
        npz.rename(tmp_path / "data" / "cifar10.npz")
        options = ["--data", tmp_path / "data", "--to", tmp_path / "packed", "--limit", limit]
        result = CliRunner().invoke(script.main, [str(option) for option in options])
        assert result.exit_code == 0, result.output
        return sorted((tmp_path / "packed").iterdir(), key=lambda folder: int(folder.name))

    return pack


def test_a_folder_with_something_else_in_it_is_not_emptied(load_script, npz, tmp_path):
    script = load_script("gpu_pack")
    result = CliRunner().invoke(script.main, ["--data", str(npz.parent), "--to", str(npz.parent)])
    assert result.exit_code == 2 and "--to must be a new folder" in result.output and npz.exists()


def test_a_call_without_room_is_refused_and_what_was_packed_before_stays(pack, load_script, tmp_path, monkeypatch):
    before = sorted(path.name for folder in pack(1) for path in folder.iterdir())
    script = load_script("gpu_pack")
    options = ["--data", str(tmp_path / "data"), "--to", str(tmp_path / "packed")]
    for more in (["--limit", "0"], ["--limit", "-1"]):
        result = CliRunner().invoke(script.main, [*options, *more])
        assert result.exit_code == 2 and "--limit must leave room for wheels and data" in result.output
    monkeypatch.setattr(script, "download_wheels", lambda *_: (_ for _ in ()).throw(OSError("no network")))
    assert isinstance(CliRunner().invoke(script.main, options).exception, OSError)
    assert sorted(path.name for path in (tmp_path / "packed" / "1").iterdir()) == before


def test_the_files_of_git_leave_room_for_cifar_100_in_two_calls(load_script):
    script = load_script("gpu_pack")
    wheels, cifar_100 = 4, 98  # MiB
    assert 2 * (script.CALL_BYTES - script.travelling_bytes()) > (wheels + cifar_100) * MIB


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    done = unpack(tmp_path / "5", tmp_path / "gpu")
    assert done.returncode == 2 and "which is not there" in done.stderr and "Traceback" not in done.stderr


def unpack(folder, to):
    script = __file__.replace("tests/house/test_gpu_pack.py", "zoo/tools/gpu_unpack.py")
    return subprocess.run([sys.executable, script, folder, "--to", to], capture_output=True, text=True)


def arrays_of(path):
    with np.load(path) as file:
        return dict(file)


def test_data_come_out_as_they_went_in_whatever_the_order_of_the_calls(pack, tmp_path):
    before = arrays_of(tmp_path / "data.npz")
    folders = pack(0.02)
    assert len(folders) > 2
    assert all(sum(path.stat().st_size for path in folder.iterdir()) <= 0.02 * MIB for folder in folders)
    (folders[0] / "a.whl").unlink()  # no real wheel
    for folder in reversed(folders):
        assert not (tmp_path / "gpu" / "data" / "cifar10.npz").exists()
        done = unpack(folder, tmp_path / "gpu")
        assert done.returncode == 0, done.stderr
    after = arrays_of(tmp_path / "gpu" / "data" / "cifar10.npz")
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name])
        assert array.dtype == after[name].dtype
    assert list((tmp_path / "gpu" / "parts").iterdir()) == []


def test_damaged_data_are_refused_and_may_be_brought_again(pack, tmp_path):
    (folder,) = pack(1)
    (folder / "a.whl").unlink()
    ((_, parts),) = file_parts.find([folder]).items()
    sound = parts[1].read_bytes()
    parts[1].write_bytes(sound[:-1] + b"x")
    done = unpack(folder, tmp_path / "gpu")
    assert done.returncode and "is damaged" in done.stderr and list((tmp_path / "gpu" / "data").iterdir()) == []
    parts[1].write_bytes(sound)
    assert "is complete" in unpack(folder, tmp_path / "gpu").stdout


def test_a_wheel_of_what_the_machine_has_is_not_installed(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "numpy-0.0.1-py3-none-any.whl").write_bytes(b"not even a wheel")
    done = unpack(tmp_path / "1", tmp_path / "gpu")
    assert done.returncode == 0 and "installed" not in done.stdout
    assert list((tmp_path / "gpu" / "site").iterdir()) == []


def test_data_are_packed_in_the_order_of_the_queue(load_script, tmp_path):
    files = [tmp_path / name for name in ("cifar10.npz", "cifar100.npz", "other.npz")]
    assert [path.stem for path in load_script("gpu_pack").in_order(files)] == ["cifar100", "cifar10", "other"]
