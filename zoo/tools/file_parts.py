"""Files in numbered parts, for ways that take only small ones.

A part's name, `NAME.2of3.<start of the whole file's SHA-256>`, says all that is needed to put the file together.
Standard library only, since machines use this before anything is installed.
"""

import hashlib
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

PATTERN = re.compile(r"(?P<name>.+)\.(?P<number>\d+)of(?P<count>\d+)\.(?P<sha256>[0-9a-f]{16})")


class Whole(NamedTuple):
    """A file that was cut: its name, the number of its parts, and the start of its SHA-256."""

    name: str
    count: int
    sha256: str


def cut(path: pathlib.Path, size: int, first: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents of the parts of a file.

    Args:
        path: The file.
        size: Bytes of a part at most.
        first: Bytes of the first part at most; `size` by default.
    """
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()[:16]
    begins = [0, *range(size if first is None else first, len(data), size)]
    for number, (begin, end) in enumerate(zip(begins, [*begins[1:], len(data)], strict=True), 1):
        yield f"{path.name}.{number}of{len(begins)}.{sha256}", data[begin:end]


def find(folders: Iterable[pathlib.Path]) -> dict[Whole, dict[int, pathlib.Path]]:
    """Returns the parts in folders, by the file that they are of and by their number."""
    parts: dict[Whole, dict[int, pathlib.Path]] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if match := PATTERN.fullmatch(path.name):
                whole = Whole(match["name"], int(match["count"]), match["sha256"])
                parts.setdefault(whole, {})[int(match["number"])] = path
    return parts


def join(whole: Whole, parts: dict[int, pathlib.Path], target: pathlib.Path) -> None:
    """Writes a file from its parts.

    Raises:
        ValueError: Where a part is missing or damaged; nothing is written then.
    """
    missing = [str(number) for number in range(1, whole.count + 1) if number not in parts]
    if missing:
        raise ValueError(f"{whole.name} has {whole.count} parts. Missing: {', '.join(missing)}")
    data = b"".join(parts[number].read_bytes() for number in range(1, whole.count + 1))
    if not hashlib.sha256(data).hexdigest().startswith(whole.sha256):
        raise ValueError(
            f"{whole.name} is damaged: its SHA-256 does not start with {whole.sha256}; bring its parts again"
        )
    write(target, data)


def write(path: pathlib.Path, data: bytes) -> None:
    """Writes a file beside its place and moves it there, so that it is whole or not there."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    new.replace(path)
