"""What a data set is, once it is loaded."""

import dataclasses
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
