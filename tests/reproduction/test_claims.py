"""Claims share out work: one owner, taken over from the dead and from nobody else."""

import json
import os
import pathlib
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from dia_keras.reproduction import claims


def write(folder, number=1, **fields):
    path = folder / f"row_r=4-0.{number}.claim"
    path.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "process_start": None, **fields}))
    return path


@pytest.fixture(scope="module")
def dead():
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_claim_says_who_has_it_and_is_exclusive(tmp_path):
    claim = claims.take(tmp_path, "row_r=4-0")
    owner = json.loads(claim.path.read_text())
    assert (owner["host"], owner["pid"]) == (socket.gethostname(), os.getpid()) and owner["time"] > 0
    assert claims.take(tmp_path, "row_r=4-0") is None and claims.is_held(tmp_path, "row_r=4-0")
    assert claims.take(tmp_path, "row_r=4-1") is not None and not claims.is_held(tmp_path, "row_r=4-2")


def test_of_many_that_try_at_once_one_gets_it(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: claims.take(tmp_path, "work"), range(32)))
    assert sum(claim is not None for claim in found) == 1


def test_of_many_that_take_over_at_once_one_gets_it(tmp_path, dead):
    write(tmp_path, pid=dead)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: claims.take(tmp_path, "row_r=4-0"), range(32)))
    assert [claim.path.name for claim in found if claim] == ["row_r=4-0.2.claim"]


def test_a_process_that_only_has_the_number_of_the_owner_is_not_the_owner(tmp_path):
    write(tmp_path, process_start="earlier")
    assert not claims.is_held(tmp_path, "row_r=4-0") and claims.take(tmp_path, "row_r=4-0")


@pytest.mark.skipif(not pathlib.Path("/proc/self/stat").exists(), reason="only Linux tells how a process is")
def test_a_process_that_was_killed_is_dead_though_its_parent_has_not_asked(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"])
    write(tmp_path, pid=process.pid, process_start=claims._start_of(process.pid))
    assert claims.take(tmp_path, "row_r=4-0") is None
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays there
    assert not claims.is_held(tmp_path, "row_r=4-0") and claims.take(tmp_path, "row_r=4-0") is not None
    process.wait()


def test_another_host_is_believed_until_it_is_silent_for_too_long(tmp_path, dead):
    path = write(tmp_path, host="elsewhere", pid=dead)
    hours_ago = path.stat().st_mtime - 3 * 3600
    os.utime(path, (hours_ago, hours_ago))
    assert claims.take(tmp_path, "row_r=4-0") is None
    assert claims.take(tmp_path, "row_r=4-0", stale_hours=4) is None
    claims.Claim(path).still_alive()
    assert claims.take(tmp_path, "row_r=4-0", stale_hours=2) is None
    os.utime(path, (hours_ago, hours_ago))
    assert claims.take(tmp_path, "row_r=4-0", stale_hours=2) is not None


@pytest.mark.parametrize("field", ["boot", "namespace"])
def test_another_host_may_have_the_same_name(field, tmp_path, dead):
    assert claims.take(tmp_path, "own").path.exists()
    here = json.loads((tmp_path / "own.1.claim").read_text())
    write(tmp_path, **{**here, "pid": dead})
    assert not claims.is_held(tmp_path, "row_r=4-0")
    write(tmp_path, **{**here, "pid": dead, field: "another"})
    assert claims.is_held(tmp_path, "row_r=4-0") and claims.take(tmp_path, "row_r=4-0") is None


@pytest.mark.parametrize("content", ["[]", "{}", '{"host": "x", "pid": "1"}'])
def test_a_file_that_is_no_claim_holds_and_is_named(content, tmp_path):
    path = tmp_path / "row_r=4-0.1.claim"
    path.write_text(content)
    with pytest.warns(UserWarning, match=f"{path} is not a claim"):
        assert claims.take(tmp_path, "row_r=4-0") is None
    os.utime(path, (0, 0))
    with pytest.warns(UserWarning, match="is not a claim"):
        assert claims.take(tmp_path, "row_r=4-0", stale_hours=1) is not None


def test_a_claim_that_is_being_written_holds(tmp_path):
    (tmp_path / "row_r=4-0.1.claim").write_text("")
    assert claims.take(tmp_path, "row_r=4-0") is None


def test_released_work_is_free_and_finished_work_leaves_no_file(tmp_path):
    first = claims.take(tmp_path, "work")
    first.release()
    second = claims.take(tmp_path, "work")
    assert second.path.name == "work.2.claim" and claims.take(tmp_path, "work") is None
    second.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_training_gives_signs_of_life_once_a_minute(tmp_path, monkeypatch):
    claim = claims.take(tmp_path, "work")
    heartbeat = claims.Heartbeat(claim)
    os.utime(claim.path, (0, 0))
    heartbeat.on_train_batch_begin(0)
    assert claim.path.stat().st_mtime == 0
    monkeypatch.setattr(claims, "HEARTBEAT", -1)
    heartbeat.on_train_batch_begin(1)
    assert claim.path.stat().st_mtime > 0
    os.utime(claim.path, (0, 0))
    heartbeat.on_test_batch_begin(0)
    assert claim.path.stat().st_mtime > 0


def test_a_sign_of_life_for_work_that_another_process_finished_leaves_no_file(tmp_path):
    claim = claims.take(tmp_path, "work")
    claims.remove(tmp_path, "work")
    claim.still_alive()
    assert list(tmp_path.iterdir()) == [] and claims.take(tmp_path, "work") is not None


def test_a_claim_that_cannot_be_written_leaves_no_file(tmp_path, monkeypatch):
    def fails(*arguments):
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(claims.json, "dump", fails)
        with pytest.raises(OSError, match="no space"):
            claims.take(tmp_path, "work")
    assert list(tmp_path.iterdir()) == []
