"""Folders of images, one folder per class. Needs no backend: Pillow reads the images."""

import pathlib
import warnings
from typing import Literal

import numpy as np
from PIL import Image

from .data_set import Split
from .picture import Resize, read_pictures

# What file managers and archives leave behind, beside all that begins with a dot, as macOS' "._x.png".
LITTER = {"__MACOSX", "thumbs.db", "desktop.ini"}


def load_folder(
    path: pathlib.Path, image_size: tuple[int, int], resize: Resize, channels: Literal[1, 3]
) -> tuple[Split, Split, tuple[str, ...]]:
    """Returns the splits under `path/train` and `path/test`, at `image_size`, and the class names.

    A class has all images under its folder, in the order of their paths. Hidden files, and what file managers leave
    behind, are skipped, and counted in one warning.

    Raises:
        ValueError: Where a class has no images, a file is not an image, or the splits have different classes.
        FileNotFoundError: Where a split is missing.
    """
    skipped: list[pathlib.Path] = []
    splits = {split: files_by_class(path / split, skipped) for split in ("train", "test")}
    if list(splits["train"]) != list(splits["test"]):
        different = sorted(splits["train"].keys() ^ splits["test"].keys())
        raise ValueError(
            f"'train' and 'test' must have the same classes. Received: source={str(path)!r}, where only one of them "
            f"has {', '.join(map(repr, different))}"
        )
    warn_of_skipped(path, skipped)
    train, test = (read_split(classes, image_size, resize, channels) for classes in splits.values())
    return train, test, tuple(splits["train"])


def training_names(path: pathlib.Path) -> list[str]:
    """Returns the path of every training image within the folder of its class, in the order in which they are loaded.

    Raises:
        ValueError: Where a class has no images, or an image has no class.
        FileNotFoundError: Where there is no folder `path/train`.
    """
    return [
        file.relative_to(path / "train" / name).as_posix()
        for name, files in files_by_class(path / "train", []).items()
        for file in files
    ]


def warn_of_skipped(path: pathlib.Path, skipped: list[pathlib.Path]) -> None:
    """Warns once of what was skipped in a folder."""
    if skipped:
        warnings.warn(
            f"Skipped {len(skipped)} hidden files and folders in {path}, such as {skipped[0].relative_to(path)}.",
            stacklevel=4,
        )


def read_split(
    classes: dict[str, list[pathlib.Path]], image_size: tuple[int, int], resize: Resize, channels: Literal[1, 3]
) -> Split:
    """Returns the images of all classes, class by class, and the numbers of their classes."""
    files = [file for members in classes.values() for file in members]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(members) for members in classes.values()])
    return Split(read_pictures(files, list(map(str, files)), image_size, resize, channels), labels)


def files_by_class(folder: pathlib.Path, skipped: list[pathlib.Path]) -> dict[str, list[pathlib.Path]]:
    """Returns the files of every class of a folder, by the names of the classes, in their order.

    What is hidden, or no user's, is added to `skipped`.

    Raises:
        ValueError: Where a class has no images, or an image has no class.
        FileNotFoundError: Where there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"`source` must have the folders 'train' and 'test', with one folder per class. "
            f"Received: source={str(folder.parent)!r}, without {folder.name!r}"
        )
    members = _visible(folder, skipped)
    classes = {member.name: _files(member, skipped) for member in members if member.is_dir()}
    # An image beside the folders has no class; other files there, such as a list of labels, are nobody's images.
    Image.init()
    loose = [
        member for member in members if not member.is_dir() and member.suffix.lower() in Image.registered_extensions()
    ]
    empty = [name for name, files in classes.items() if not files]
    unreadable = [name for name in classes if not name.isascii() and name.encode(errors="replace").decode() != name]
    if unreadable:
        raise ValueError(
            "`source` must have folders whose names are UTF-8, since they name the classes. Rename it. Received: "
            f"{str(folder / unreadable[0])!r}"
        )
    if loose:
        raise ValueError(
            f"`source` must have every image in the folder of its class. Move or remove {len(loose)} images in "
            f"{folder}. Received: {loose[0]}"
        )
    if empty or not classes:
        raise ValueError(
            "`source` must have images in the folder of every class. Add some, or remove the folder. Received: no "
            f"images in {folder / empty[0] if empty else folder}"
        )
    return classes


def _files(folder: pathlib.Path, skipped: list[pathlib.Path]) -> list[pathlib.Path]:
    """Returns all files under a folder, in the order of their paths."""
    files = []
    for member in _visible(folder, skipped):
        files += _files(member, skipped) if member.is_dir() else [member]
    return files


def _visible(folder: pathlib.Path, skipped: list[pathlib.Path]) -> list[pathlib.Path]:
    """Returns what is in a folder, by name, and adds what is hidden, or no user's, to `skipped`."""
    members = sorted(folder.iterdir())
    hidden = {
        member
        for member in members
        if member.name.startswith(".") or member.name in LITTER or member.name.lower() in LITTER
    }
    skipped += sorted(hidden)
    return [member for member in members if member not in hidden]
