"""A data set that is loaded."""

import dataclasses
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """Images, uint8 `(n, height, width, channels)`, and labels, int64 `(n,)`."""

    images: np.ndarray
    labels: np.ndarray


def check_split(argument: str, split: Split, num_classes: int) -> None:
    """Checks that a split has images, and for each the number of one of the classes.

    Args:
        argument: Name of the argument, for the error.
        split: The split.
        num_classes: Number of classes.

    Raises:
        ValueError: If it does not.
    """
    images, labels = split
    if not isinstance(images, np.ndarray) or not isinstance(labels, np.ndarray) or images.ndim != 4:
        raise ValueError(
            f"`{argument}` must be arrays: images (n, height, width, channels), and labels (n,). Received: "
            f"{_kind_of(images)} and {_kind_of(labels)}"
        )
    if not len(images):
        raise ValueError(f"`{argument}` must have images. Received: none")
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"`{argument}` must have an integer label for each of its {len(images)} images, of shape (n,). "
            f"Received: labels of {labels.dtype} and shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"`{argument}` must have labels from 0 to {num_classes - 1}. "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )


def _kind_of(value) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


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
