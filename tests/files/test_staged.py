"""Files come to their place whole, and put nothing out of it that they cannot replace."""

import pathlib
import subprocess
import sys
from pathlib import Path

import pytest

from dia_keras import files
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


def test_a_folder_replaces_a_file(tmp_path):
    (tmp_path / "model").write_text("old")
    with staged(tmp_path / "model") as new:
        new.mkdir()
        (new / "new").write_text("")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new"] and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_link_stays_and_what_it_leads_to_is_replaced(is_folder, tmp_path):
    real, link = tmp_path / "there" / "real", tmp_path / "link"
    real.parent.mkdir()
    real.mkdir() if is_folder else real.write_text("old")
    link.symlink_to(real)
    with staged(link) as new:
        if is_folder:
            new.mkdir()
        (new / "new" if is_folder else new).write_text("new")
    assert link.readlink() == real and (real / "new" if is_folder else real).read_text() == "new"
    assert list(real.parent.iterdir()) == [real]


def test_leftovers_that_another_process_removes_at_the_same_time_are_no_error(tmp_path, monkeypatch):
    (tmp_path / ".gone").mkdir()
    (tmp_path / ".model.abc").mkdir()
    (tmp_path / ".model.abc" / "model.lock").touch()  # whose process is gone
    glob = Path.glob

    def gone(path, pattern):
        if path.name == ".gone":
            raise FileNotFoundError(path)
        return glob(path, pattern)

    monkeypatch.setattr(Path, "glob", gone)
    files.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".gone"]


def test_text_is_utf_8_in_every_locale(tmp_path, monkeypatch):
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "ascii")
    write_text(tmp_path / "labels.txt", "été")
    assert (tmp_path / "labels.txt").read_bytes() == "été".encode()


def in_killed_process(path, code):
    """Runs code within `staged(path)` in a process that ends with `kill -9`."""
    program = f"""
import os, signal
from pathlib import Path
import files
def kill(*_): os.kill(os.getpid(), signal.SIGKILL)
{code}
"""
    done = subprocess.run([sys.executable, "-c", program, path], cwd=Path(files.__file__).parent)
    assert done.returncode == -9


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot exchange two folders in one step")
def test_a_folder_is_replaced_in_one_step(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, lambda *paths: pytest.fail(f"a second step: {paths}"))
    monkeypatch.setattr(files, "fcntl", None)
    with staged(tmp_path / "model") as new:
        new.mkdir()
        (new / "new").write_text("")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(sys.platform == "win32", reason="no process is killed so there")
def test_what_a_killed_process_leaves_is_removed_by_the_next(tmp_path):
    path = tmp_path / "model"
    in_killed_process(path, f"with files.staged(Path({str(path)!r})) as new: new.write_text('half'); kill()")
    (tmp_path / ".model.mine").mkdir()
    assert len(list(tmp_path.iterdir())) == 2 and not path.exists()
    write_text(path, "whole")
    assert {each.name for each in tmp_path.iterdir()} == {"model", ".model.mine"}


@pytest.mark.skipif(sys.platform == "win32", reason="no process is killed so there")
def test_leftovers_of_all_files_of_a_folder_are_removed(tmp_path):
    path = tmp_path / "first.txt"
    in_killed_process(path, f"with files.staged(Path({str(path)!r})) as new: new.write_text('half'); kill()")
    with staged(tmp_path / "second.txt") as second:
        files.remove_leftovers(tmp_path)
        second.write_text("whole")
    assert [each.name for each in tmp_path.iterdir()] == ["second.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="no process is killed so there")
def test_a_folder_that_a_killed_process_had_moved_away_comes_back(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "mine").write_text("mine")
    code = f"""
files._exchanged = lambda *_: False
Path.replace = kill
with files.staged(Path({str(path)!r})) as new: new.mkdir()
"""
    in_killed_process(path, code)
    assert not path.exists()
    with pytest.raises(RuntimeError), staged(path):
        raise RuntimeError
    assert (path / "mine").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_what_another_process_is_writing_stays(tmp_path):
    path = tmp_path / "model"
    with staged(path) as first:
        write_text(path, "second")
        first.write_text("first")
    assert path.read_text() == "first" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("path", [".", "/"])
def test_a_path_without_a_name_is_an_error(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="`path` must name a new file or folder"), staged(pathlib.Path(path)):
        pass
    assert not list(tmp_path.iterdir())
