"""What several commands do with the values of options: checks, parsing, reading pictures."""

import ast
import json
import pathlib
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from ...figure_text import SOFTWARE


def check_output(option: str, path: pathlib.Path | None, suffix: str | None = None) -> None:
    """Raises a `ValueError` where a file that is written at the end has another suffix, or no folder to lie in."""
    if path and suffix and path.suffix.lower() != suffix:
        raise ValueError(f"`{option}` must end in {suffix}. Received: {path}")
    if path and not path.absolute().parent.is_dir():
        raise ValueError(f"The folder of a file to write must exist. Received: {path}")


def check_picture(option: str, path: pathlib.Path | None) -> None:
    """Raises a `ValueError` where a picture cannot be written, or would replace one that no command wrote."""
    check_output(option, path, ".png")
    if path and path.exists() and not _is_of_a_command(path):
        raise ValueError(
            f"`{option}` is the file to write, and must be new, or one that the same option wrote earlier. "
            f"Received: {path}, which is another"
        )


def check_json(option: str, path: pathlib.Path | None, keys: Collection[str]) -> None:
    """Raises a `ValueError` where JSON cannot be written, or would replace a file without the keys of the new one."""
    check_output(option, path, ".json")
    if path and path.exists() and not _has_keys(path, keys):
        raise ValueError(
            f"`{option}` is the file to write, and must be new, or one that the same option wrote earlier. "
            f"Received: {path}, which is another"
        )


def _has_keys(path: pathlib.Path, keys: Collection[str]) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.keys() >= set(keys)


def _is_of_a_command(path: pathlib.Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.info.get("Software") == SOFTWARE
    except (OSError, ValueError, SyntaxError):
        return False


def parse_change(change: str) -> tuple[str, Any]:
    """Returns field and value of `FIELD=VALUE`; the value is a Python literal, or else a text."""
    field, separator, text = change.partition("=")
    if not separator:
        raise ValueError(f"`--set` takes FIELD=VALUE. Received: {change!r}")
    try:
        return field, ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return field, text


def parse_size(text: str) -> tuple[int, int]:
    """Returns height and width from `64` or `64x96`, the option `--size`."""
    match = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if not match:
        raise ValueError(f"`--size` must be a number of pixels, or height x width, e.g. 64x96. Received: {text!r}")
    return int(match[1]), int(match[2] or match[1])


def read_pictures(
    paths: Iterable[pathlib.Path], read: Callable[[pathlib.Path], Any]
) -> tuple[list[pathlib.Path], list[Any], dict[pathlib.Path, str]]:
    """Reads pictures, of which some may be unreadable.

    Returns:
        The paths and the pictures that were read, and why the others were not, by path.

    Raises:
        ValueError: If none can be read.
    """
    readable, pictures, unreadable = [], [], {}
    for path in paths:
        try:
            pictures.append(read(path))
            readable.append(path)
        except ValueError as error:
            unreadable[path] = str(error)
    if not pictures:
        raise ValueError("\n".join(unreadable.values()))
    return readable, pictures, unreadable
