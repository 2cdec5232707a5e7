"""Claims: files by which processes, on one machine or several, share out work in a folder.

The claims on a piece of work are numbered, and the newest one counts. A file is created exclusively, which is atomic: a
number has one owner. Work of a dead process is taken over by the next number, and nothing is removed: of two processes
that try at the same time, one succeeds.
"""

import contextlib
import json
import os
import pathlib
import socket
import time
import warnings
from typing import Any

import keras

from ..files import write_json

#: Seconds between two signs of life.
HEARTBEAT = 60


class Claim:
    """The right of this process to a piece of work.

    Args:
        path: Its file.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path

    def still_alive(self) -> None:
        """Tells other machines that this process works on: they judge by the time of the file."""
        with contextlib.suppress(FileNotFoundError):  # the work was taken over and is done
            os.utime(self.path)

    def release(self) -> None:
        """Gives the work back, unfinished: the next one that asks may have it."""
        write_json(self.path, {**_owner(), "released": True})

    def finish(self) -> None:
        """Removes all claims on work that is done. Call it once the result is in place."""
        remove(self.path.parent, _work_of(self.path))


class Heartbeat(keras.callbacks.Callback):
    """Gives a sign of life a minute while a model trains and is evaluated.

    Args:
        claim: The claim.
    """

    def __init__(self, claim: Claim):
        super().__init__()
        self.claim, self._last = claim, time.monotonic()

    def on_train_batch_begin(self, batch, logs=None):
        if time.monotonic() - self._last > HEARTBEAT:
            self.claim.still_alive()
            self._last = time.monotonic()

    on_test_batch_begin = on_predict_batch_begin = on_train_batch_begin


def take(folder: pathlib.Path, work: str, stale_hours: float | None = None) -> Claim | None:
    """Claims a piece of work.

    It is taken over from a process of this host that is dead. A process of another host cannot be seen: it counts as
    dead where it gave no sign of life for `stale_hours`. Hosts and containers may have one name: another boot of the
    kernel, or another namespace of processes, is another host.

    Args:
        folder: Existing folder of the claims, shared by all who work.
        work: Name of the work, as a part of a file's name.
        stale_hours: Hours after which a claim from another host, or one that cannot be read, no longer counts.
            Default: it always counts.

    Returns:
        The claim, or `None` where another process has it.
    """
    numbers = [_number(path) for path in _claims(folder, work)]
    newest = max(numbers, default=0)
    if newest and _is_held(_path(folder, work, newest), stale_hours):
        return None
    path = _path(folder, work, newest + 1)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:  # another process was faster
        return None
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(_owner(), file)
    except OSError:  # an empty claim would hold for ever
        path.unlink()
        raise
    return Claim(path)


def is_held(folder: pathlib.Path, work: str, stale_hours: float | None = None) -> bool:
    """Returns whether a process works on a piece of work. The arguments are those of `take`."""
    paths = _claims(folder, work)
    return bool(paths) and _is_held(max(paths, key=_number), stale_hours)


def claimed(folder: pathlib.Path) -> set[str]:
    """Returns the names of all work that has claims, held or not."""
    return {_work_of(path) for path in folder.glob("*.claim")}


def remove(folder: pathlib.Path, work: str) -> None:
    """Removes all claims on work that is done."""
    for path in _claims(folder, work):
        path.unlink(missing_ok=True)


def _claims(folder: pathlib.Path, work: str) -> list[pathlib.Path]:
    return [path for path in folder.glob("*.claim") if _work_of(path) == work]


def _path(folder: pathlib.Path, work: str, number: int) -> pathlib.Path:
    return folder / f"{work}.{number}.claim"


def _work_of(path: pathlib.Path) -> str:
    return path.name.rsplit(".", 2)[0]


def _number(path: pathlib.Path) -> int:
    return int(path.name.rsplit(".", 2)[1])


def _owner() -> dict[str, Any]:
    """Returns who this process is. A number of a process can come again; with its start it does not."""
    pid = os.getpid()
    owner = {"host": socket.gethostname(), "boot": _boot(), "namespace": _namespace()}
    return {**owner, "pid": pid, "process_start": _start_of(pid), "time": time.time()}


def _is_held(path: pathlib.Path, stale_hours: float | None) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:  # the work is done
        return True
    owner = _read(path)
    if owner.get("released"):
        return False
    if _is_of_this_host(owner):
        return _is_alive(owner["pid"]) and _start_of(owner["pid"]) == owner.get("process_start")
    return stale_hours is None or age < 3600 * stale_hours


def _read(path: pathlib.Path) -> dict[str, Any]:
    """Returns what a claim says of its owner: nothing where its process is writing it, or died while it wrote."""
    try:
        owner = json.loads(path.read_text())
    except (ValueError, OSError):
        return {}
    if isinstance(owner, dict) and isinstance(owner.get("pid"), int):
        return owner
    warnings.warn(f"{path} is not a claim. Nobody does its work: remove the file.", stacklevel=4)
    return {}


def _is_of_this_host(owner: dict[str, Any]) -> bool:
    """Returns whether the processes of a claim's host can be seen here. A claim without boot and namespace is old."""
    here = {"boot": _boot(), "namespace": _namespace(), "host": socket.gethostname()}
    return "host" in owner and all(owner[name] == value for name, value in here.items() if name in owner)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _start_of(pid: int) -> str | None:
    """Returns boot and time of a process' start, `None` where it has ended or the system does not say."""
    try:
        state, *fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        has_ended = state in "ZX"  # and only waits for its parent to ask how
        return None if has_ended else f"{_boot()} {fields[18]}"
    except (OSError, ValueError, IndexError):
        return None


def _boot() -> str | None:
    """Returns the number that a start of the kernel has, `None` where the system does not say."""
    try:
        return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _namespace() -> str | None:
    """Returns the namespace that numbers of processes count in, one a container; `None` where there is none."""
    try:
        return str(pathlib.Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
