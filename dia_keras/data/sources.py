"""One function for all sources."""

import dataclasses
import os
import pathlib
import zipfile
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Images, uint8 `(n, height, width, channels)`, and labels, int64 `(n,)`."""

    images: np.ndarray
    labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set in memory.

    Attributes:
        train: What to train on, without the held-out images.
        held_out: Images taken from the training set, to make choices on. May be empty.
        test: The test set, to be read once, at the end.
        class_names: Names of the classes, in the order of their labels.
    """

    train: Split
    held_out: Split
    test: Split
    class_names: tuple[str, ...]


def load(
    source: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    held_out: int = 0,
    image_size: tuple[int, int] | None = None,
    download: bool = False,
    seed: int = 0,
) -> DataSet:
    """Loads an image classification data set.

    Args:
        source: Name of a TFDS data set (`"cifar100"`); path of an `.npz` file with `x_train`, `y_train`, `x_test`,
            `y_test` and `class_names`; or path of a folder with one folder a class under `train` and `test`.
        data_dir: Where TFDS keeps its data sets. Default: the environment variable `DIA_KERAS_DATA`, else TFDS'
            own default.
        held_out: Number of training images to hold out, drawn at random, the same number of every class where
            it divides evenly.
        image_size: `(height, width)` that a folder's images are resized to; required for folders.
        download: Whether TFDS may download what is missing.
        seed: Seed of the choice of the held-out images.

    Returns:
        A `DataSet`.

    Raises:
        ValueError: On an argument out of range.
        FileNotFoundError: Where the data are missing; the message names the command that prepares them.

    Example:

    >>> data = dia_keras.data.load("cifar100", held_out=5000)
    >>> data.train.images.shape
    (45000, 32, 32, 3)
    """
    path = pathlib.Path(source)
    if path.suffix == ".npz":
        train, test, class_names = _load_npz(path)
    elif path.is_dir():
        if image_size is None:
            raise ValueError("`image_size` must be (height, width) for a folder of images. Received: image_size=None")
        from .folder import load_folder

        train, test, class_names = load_folder(path, image_size)
    elif len(path.parts) > 1:
        raise FileNotFoundError(f"`source` must exist. Received: source={str(source)!r}, which is no folder")
    else:
        from .tfds_source import load_tfds

        train, test, class_names = load_tfds(str(source), data_dir or os.environ.get("DIA_KERAS_DATA"), download)
    if not isinstance(held_out, int) or not 0 <= held_out < len(train.labels):
        raise ValueError(
            f"`held_out` must be an integer from 0 to {len(train.labels) - 1}, below the number of training images. "
            f"Received: held_out={held_out!r}"
        )
    chosen = _choose(train.labels, held_out, seed)
    return DataSet(
        train=Split(train.images[~chosen], train.labels[~chosen]),
        held_out=Split(train.images[chosen], train.labels[chosen]),
        test=test,
        class_names=class_names,
    )


def _choose(labels: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Returns a mask of `number` images, as even over the classes as can be."""
    order = np.random.default_rng(seed).permutation(len(labels))
    rank_in_class = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        rank_in_class[members] = np.arange(len(members))
    # Everybody's first member, then everybody's second: ties in the order of the permutation.
    position = np.argsort(order)
    mask = np.zeros(len(labels), bool)
    mask[np.lexsort((position, rank_in_class))[:number]] = True
    return mask


def _load_npz(path: pathlib.Path) -> tuple[Split, Split, tuple[str, ...]]:
    if not path.is_file():
        raise FileNotFoundError(
            f"`source` must be an existing .npz file with x_train, y_train, x_test, y_test and class_names, as "
            f"`np.savez` writes it. Received: source={str(path)!r}, which does not exist"
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(f"`source` must be a sound .npz file. Received: source={str(path)!r}")
    with np.load(path) as arrays:
        missing = {"x_train", "y_train", "x_test", "y_test", "class_names"} - set(arrays.files)
        if missing:
            raise ValueError(f"`source` must hold {', '.join(sorted(missing))}. Received: source={str(path)!r}")
        class_names = tuple(map(str, arrays["class_names"]))
        train, test = (
            _checked(arrays[f"x_{split}"], arrays[f"y_{split}"], len(class_names), f"{split!r} of {str(path)!r}")
            for split in ("train", "test")
        )
        return train, test, class_names


def _checked(images: np.ndarray, labels: np.ndarray, classes: int, where: str) -> Split:
    """Returns images and labels that belong together.

    Raises:
        ValueError: Where they do not.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
        raise ValueError(
            "`source` must hold uint8 images of shape (n, height, width, channels). Received: "
            f"{images.dtype} of shape {images.shape} in {where}"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.size != len(images):
        raise ValueError(
            f"`source` must hold an integer label for each of its {len(images)} images. Received: "
            f"{labels.dtype} of shape {labels.shape} in {where}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"`source` must hold labels from 0 to {classes - 1}, as it has {classes} class names. Received: labels "
            f"from {labels.min()} to {labels.max()} in {where}"
        )
    return Split(images, labels.reshape(-1).astype(np.int64))
