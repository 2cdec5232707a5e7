"""One function for all sources."""

import os
import pathlib
from typing import Literal

import numpy as np

from ..arguments import height_and_width, is_integer
from .data_set import DataSet, Split
from .picture import Resize, check_resize


def load(
    source: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    held_out: int = 0,
    image_size: tuple[int, int] | None = None,
    resize: Resize = "crop",
    channels: Literal[1, 3] | None = None,
    download: bool = False,
    seed: int = 0,
) -> DataSet:
    """Loads an image classification data set.

    Args:
        source: Name of a TFDS data set, `"cifar100"`, or `"imagenette/160px-v2"` with its configuration; its split
            "validation" is the test set where there is no "test". Or path of an `.npz` file with `x_train`, `y_train`,
            `x_test`, `y_test` and `class_names`. Or path of a folder with one folder per class under `train` and
            `test`, of images of any format that Pillow reads.
        data_dir: Where TFDS keeps its data sets: then a name is that of a TFDS data set, even where there is a folder
            of this name. Default: the environment variable `DIA_KERAS_DATA`, else TFDS' own default.
        held_out: Number of training images to hold out, drawn at random, the same number of every class where
            it divides evenly. One image of every class, at least, is left to train on.
        image_size: `(height, width)` that images of other sizes are resized to; required for folders, and for data
            sets of several sizes.
        resize: How: `"crop"` takes the center, as large as it can be in the new shape, `"stretch"` takes all, in the
            new shape, `"pad"` takes all in its own shape, in the center of black, `"center"` takes seven eighths of
            what `"crop"` does. None of them aliases.
        channels: 3 makes gray images RGB, which networks of the zoo take, and 1 makes others gray. In both cases, the
            second of two channels and the last of four are alpha, by which the others come to lie on white. Default:
            what the data have, and for folders 3.
        download: Whether TFDS may download what is missing.
        seed: Seed of the choice of the held-out images.

    Returns:
        A `DataSet`.

    Raises:
        ValueError: On an argument out of range, or data that cannot be read; the message names the files.
        FileNotFoundError: Where the data are missing; the message names the command that prepares them.

    Example:

    >>> data = dia_keras.data.load("cifar100", held_out=5000)
    >>> data.train.images.shape
    (45000, 32, 32, 3)
    """
    if not isinstance(source, (str, os.PathLike)) or not os.fspath(source):
        raise ValueError(f"`source` must name a data set, an .npz file or a folder. Received: source={source!r}")
    if not is_integer(seed, 0):
        raise ValueError(f"`seed` must be an integer of at least 0. Received: seed={seed!r}")
    path = pathlib.Path(source)
    if image_size is not None:
        image_size = height_and_width("image_size", image_size)
    check_resize(resize)
    if channels not in (None, 1, 3):
        raise ValueError(f"`channels` must be None, 1 or 3. Received: channels={channels!r}")
    if path.suffix == ".npz":
        from .npz import load_npz

        train, test, class_names = load_npz(path, image_size, resize, channels)
    elif is_folder(source, data_dir):
        if image_size is None:
            raise ValueError("`image_size` must be (height, width) for a folder of images. Received: image_size=None")
        from .folder import load_folder

        train, test, class_names = load_folder(path, image_size, resize, channels or 3)
    elif _is_meant_as_path(source) and not _is_tfds_name(source, data_dir):
        raise FileNotFoundError(f"`source` must exist. Received: source={str(source)!r}, which is not a folder")
    else:
        from .tfds_source import load_tfds

        train, test, class_names = load_tfds(
            str(source), data_dir or os.environ.get("DIA_KERAS_DATA"), download, image_size, resize, channels
        )
    return with_held_out(train, test, class_names, held_out, seed)


def is_folder(source: str | os.PathLike, data_dir: str | os.PathLike | None) -> bool:
    """Returns whether `load` takes a source for a folder of images."""
    return pathlib.Path(source).is_dir() and not _is_tfds_name(source, data_dir)


def _is_tfds_name(source: str | os.PathLike, data_dir: str | os.PathLike | None) -> bool:
    """Returns whether a source names a data set in TFDS' folder, with its configuration or without."""
    if data_dir is None or not isinstance(source, str):
        return False
    name = pathlib.PurePath(source)
    return name.name == source or (not name.is_absolute() and pathlib.Path(data_dir, name.parts[0]).is_dir())


def tfds_folder(data_dir: str | os.PathLike | None = None) -> str | os.PathLike:
    """Returns where TFDS' data sets are."""
    default = pathlib.Path.home() / "tensorflow_datasets"
    return data_dir or os.environ.get("DIA_KERAS_DATA") or os.environ.get("TFDS_DATA_DIR") or default


def data_dir_of(name: str, data_dir: str | os.PathLike | None = None) -> str | os.PathLike | None:
    """Returns the `data_dir` with which `load` takes a name for that of a TFDS data set, whatever folder is here."""
    return tfds_folder(data_dir) if pathlib.Path(name).is_dir() else data_dir


def _is_meant_as_path(source: str | os.PathLike) -> bool:
    """Returns whether what does not exist is meant as a path; TFDS's names may have a slash, too."""
    path = pathlib.Path(source)
    is_in_folder = len(path.parts) > 1 and path.parent.is_dir()
    return path.is_absolute() or str(source).startswith((".", "~")) or is_in_folder


def with_held_out(train: Split, test: Split, class_names: tuple[str, ...], held_out: int, seed: int = 0) -> DataSet:
    """Returns a data set with some of its training images held out; see `load` for arguments and errors."""
    most = len(train.labels) - len(np.unique(train.labels))
    if not is_integer(held_out, 0, most):
        raise ValueError(
            f"`held_out` must be an integer from 0 to {most}, which leaves an image of every class to train on. "
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
        rank_in_class[members[-1]] = len(labels)  # one of every class is left to train on
    # Everybody's first member, then everybody's second: ties in the order of the permutation.
    position = np.argsort(order)
    mask = np.zeros(len(labels), bool)
    mask[np.lexsort((position, rank_in_class))[:number]] = True
    return mask
