"""Data sets in `.npz` files."""

import collections
import pathlib
import zipfile
from typing import Literal

import numpy as np

from .data_set import Split
from .picture import Resize, resized_pixels

NAMES = {"x_train", "y_train", "x_test", "y_test", "class_names"}


def load_npz(
    path: pathlib.Path, image_size: tuple[int, int] | None, resize: Resize, channels: Literal[1, 3] | None
) -> tuple[Split, Split, tuple[str, ...]]:
    """Returns the splits in a file of `np.savez`, and the class names.

    Raises:
        ValueError: Where the file is damaged, or its arrays do not belong together.
        FileNotFoundError: Where there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"`source` must be an existing .npz file with x_train, y_train, x_test, y_test and class_names, as "
            f"`np.savez` writes it. Received: source={str(path)!r}, which "
            f"{'is not a file' if path.exists() else 'does not exist'}"
        )
    arrays = _arrays(path)
    class_names = _names(arrays["class_names"].reshape(-1), path)
    twice = [name for name, number in collections.Counter(class_names).items() if number > 1]
    if twice:
        raise ValueError(f"`source` must name every class differently. Received: {twice[0]!r} twice in {str(path)!r}")
    train, test = (
        _checked(arrays[f"x_{split}"], arrays[f"y_{split}"], len(class_names), f"{split!r} of {str(path)!r}")
        for split in ("train", "test")
    )
    train, test = (
        split._replace(images=resized_pixels(split.images, image_size, resize, channels)) for split in (train, test)
    )
    if train.images.shape[1:] != test.images.shape[1:]:
        raise ValueError(
            "`source` must hold training and test images of one shape, unless `image_size` and `channels` give them "
            f"one. Received: {train.images.shape[1:]} and {test.images.shape[1:]} in {str(path)!r}"
        )
    return train, test, class_names


def _names(values: np.ndarray, path: pathlib.Path) -> tuple[str, ...]:
    """Returns the names of the classes: texts, bytes in UTF-8, or integers."""
    try:
        if values.dtype.kind == "S":
            return tuple(value.decode() for value in values.tolist())
    except UnicodeDecodeError as error:
        raise ValueError(
            f"`class_names` must be texts, or bytes in UTF-8. Received: {error.object!r} in {str(path)!r}"
        ) from error
    if values.dtype.kind not in "Uiu":
        raise ValueError(
            "`class_names` must be texts, as `np.array(names, dtype=str)` has them. Received: an array of "
            f"{values.dtype} in {str(path)!r}"
        )
    return tuple(map(str, values))


def _arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the arrays of the file.

    Raises:
        ValueError: Where some are missing, or one cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            missing = NAMES - {name.removesuffix(".npy") for name in archive.namelist()}
            arrays = {name: _array(archive, f"{name}.npy") for name in NAMES - missing}
    except Exception as error:  # one wrong bit can end in errors of many kinds, in zipfile, zlib and NumPy
        if "Object arrays" in str(error):
            raise ValueError(
                "`source` must hold arrays of numbers and texts, without Python objects: make names an array by "
                f"`np.array(names, dtype=str)`. Received: source={str(path)!r}"
            ) from error
        raise ValueError(
            f"`source` must be a sound .npz file. Make or copy it again. Received: source={str(path)!r} ({error})"
        ) from error
    if missing:
        raise ValueError(f"`source` must hold {', '.join(sorted(missing))}. Received: source={str(path)!r}")
    return arrays


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        # The checksum is compared at the end of what is stored, which a wrong header does not reach.
        if file.read(1):
            raise ValueError(f"{name} holds more than its shape says")
        return array


def _checked(images: np.ndarray, labels: np.ndarray, classes: int, where: str) -> Split:
    """Returns images and labels that belong together.

    Raises:
        ValueError: Where they do not.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
        is_scaled = np.issubdtype(images.dtype, np.floating) and images.size > 0 and images.max() <= 1
        convert = "`(255 * images).round().astype('uint8')`" if is_scaled else "`images.round().astype('uint8')`"
        remedy = "" if images.dtype == np.uint8 or images.size == 0 else f" {convert} converts values like these."
        raise ValueError(
            "`source` must hold one or more uint8 images of shape (n, height, width, channels), of values 0 to 255."
            f"{remedy} Received: {images.dtype} of shape {images.shape} in {where}"
        )
    if images.shape[1] in (1, 3) and images.shape[3] not in (1, 3):
        raise ValueError(
            "`source` must hold images of shape (n, height, width, channels), channels last: use "
            f"`images.transpose(0, 2, 3, 1)`. Received: {images.shape} in {where}"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.size != len(images):
        remedy = ""
        if labels.shape == (len(images), classes):
            remedy = " `labels.argmax(axis=1)` makes integers of one-hot labels."
        elif labels.size == len(images):
            remedy = " `labels.astype(int)` converts whole numbers."
        raise ValueError(
            f"`source` must hold an integer label for each of its {len(images)} images.{remedy} Received: "
            f"{labels.dtype} of shape {labels.shape} in {where}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"`source` must hold labels from 0 to {classes - 1}, as it has {classes} class names. Received: labels "
            f"from {labels.min()} to {labels.max()} in {where}"
        )
    return Split(images, labels.reshape(-1).astype(np.int64))
