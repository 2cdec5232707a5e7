"""Files are written beside their place, and moved there once they are known to be right."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Gives a path to write a file or folder to, and moves it to `path` if the block ends without an error.

    The path given is in a new folder beside `path`, which is removed with all that is left in it. A file replaces a
    file at `path`, and a folder replaces a file or a folder with all that is in it.

    Raises:
        ValueError: Where the folder of `path` does not exist or may not be written to, or where a file would replace a
            folder.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise ValueError(
            f"`path` must be in an existing folder that may be written to ({error.strerror}). Received: path='{path}'"
        ) from error
    with folder as name:
        new, old = Path(name, path.name), Path(name, "replaced")
        yield new
        if path.is_dir():
            if not new.is_dir():
                raise ValueError(f"`path` must not be a folder, where a file is to be. Received: path='{path}'")
            path.rename(old)  # a folder cannot replace one that is not empty
        try:
            new.replace(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file."""
    with staged(path) as new:
        new.write_text(text, encoding="utf-8")


def write_json(path: Path, value: dict | list) -> None:
    """Writes a JSON file."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def size_of(path: Path) -> int:
    """Returns the bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
