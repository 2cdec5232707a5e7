"""Files come to their place whole, and put nothing out of it that they cannot replace."""

import pytest

from dia_keras.files import staged, write_json, write_text


def test_a_file_that_fails_leaves_the_one_before(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RuntimeError), staged(tmp_path / "mine.txt") as new:
        new.write_text("half")
        raise RuntimeError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("mine.txt", "mine")]


def test_a_file_does_not_replace_a_folder(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"`path` must not be a folder, where a file is to be.*results'"):
        write_json(tmp_path / "results", {})
    assert (tmp_path / "results" / "mine.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_folder_replaces_a_folder(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("")
    with staged(tmp_path / "model") as new:
        new.mkdir()
        (new / "new").write_text("")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new"]


def test_text_is_utf_8_in_every_locale(tmp_path, monkeypatch):
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "ascii")
    write_text(tmp_path / "labels.txt", "été")
    assert (tmp_path / "labels.txt").read_bytes() == "été".encode()
