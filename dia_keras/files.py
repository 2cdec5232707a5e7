"""Files are written beside their place, and moved there once they are known to be right."""

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Gives a path to write a file or folder to, and moves it to `path` if the block ends without an error.

    The path given is in a new folder beside `path`, which is removed with all that is left in it. If the process is
    killed, the next call for `path` removes it. A file replaces a file at `path`, and a folder replaces a file or a
    folder with all that is in it, on Linux in one step. A link stays, and what it leads to is replaced.

    Raises:
        ValueError: Where `path` has no name, as "." has none; where its folder does not exist or may not be written to;
            or where a file would replace a folder.
    """
    if not path.name:
        raise ValueError(f"`path` must name a new file or folder. Received: path='{path}'")
    path = path.resolve() if path.is_symlink() else path
    _remove_leftovers(path)
    try:
        folder = tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        folder_rule = "a folder that may be written to" if path.parent.is_dir() else "an existing folder"
        raise ValueError(f"`path` must be in {folder_rule} ({error.strerror}). Received: path='{path}'") from error
    with folder as name, _marked_as_in_use(_lock_of(Path(name), path)):
        new, old = Path(name, path.name), _replaced_in(Path(name), path)
        yield new
        if path.is_dir():
            if not new.is_dir():
                raise ValueError(f"`path` must not be a folder, where a file is to be. Received: path='{path}'")
            if _exchanged(new, path):
                return
        if path.exists() and new.is_dir():
            path.rename(old)  # a folder cannot replace a file, nor a folder that is not empty
        try:
            new.replace(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise


def _lock_of(folder: Path, path: Path) -> Path:
    return folder / f"{path.name}.lock"


def _replaced_in(folder: Path, path: Path) -> Path:
    return folder / f"{path.name}.replaced"


@contextmanager
def _marked_as_in_use(lock: Path) -> Iterator[None]:
    """Holds a lock that ends with the process. The file has its name only once it is locked."""
    unnamed = lock.with_suffix(".new")
    with unnamed.open("w") as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)
            unnamed.rename(lock)
        yield


def _is_free(file: IO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_leftovers(path: Path) -> None:
    """Removes the folders beside `path` of processes that were killed, and puts back what one had moved away."""
    with contextlib.suppress(OSError):  # another process may remove them at the same time
        for folder in [sibling for sibling in path.parent.iterdir() if sibling.name.startswith(f".{path.name}.")]:
            if not _lock_of(folder, path).is_file():
                continue
            with _lock_of(folder, path).open() as file:
                if _is_free(file):
                    if not path.exists() and _replaced_in(folder, path).exists():
                        _replaced_in(folder, path).rename(path)
                    shutil.rmtree(folder)


def remove_leftovers(folder: Path) -> None:
    """Removes from a folder what processes left there that were killed while they wrote a file or folder to it."""
    names: set[str] = set()
    for hidden in folder.glob(".*"):
        with contextlib.suppress(OSError):  # another process may remove it at the same time
            names |= {lock.name.removesuffix(".lock") for lock in hidden.glob("*.lock")}
    for name in names:
        _remove_leftovers(folder / name)


def _exchanged(new: Path, path: Path) -> bool:
    """Exchanges two paths in one step. Returns whether the system can."""
    at_current, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):  # not Linux, or an old one
        return False
    return rename(at_current, os.fsencode(new), at_current, os.fsencode(path), exchange) == 0


def write_text(path: Path, text: str) -> None:
    """Writes a text file."""
    with staged(path) as new:
        new.write_text(text, encoding="utf-8")


def write_json(path: Path, value: dict | list) -> None:
    """Writes a JSON file."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def to_disk(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(path: Path, algorithm: str = "sha256") -> str:
    """Returns the digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def size_of(path: Path) -> int:
    """Returns the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
