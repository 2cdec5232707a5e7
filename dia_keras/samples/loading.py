"""Loading the sample images."""

from pathlib import Path
from typing import Literal

import numpy as np

from ..data import read_picture

FOLDER = Path(__file__).parent


def sample_paths(dataset: Literal["cifar10", "cifar100"] | None = None) -> list[Path]:
    """Returns the files of the sample images, in the order of their names.

    Args:
        dataset: `"cifar10"` or `"cifar100"`; the images of both by default.

    Returns:
        Paths of PNG files named `<dataset>_<class>_<number>.png`.

    Raises:
        ValueError: On another data set.
    """
    paths = sorted(FOLDER.glob("*.png"))
    datasets = {path.name.split("_")[0] for path in paths}
    if dataset is not None and dataset not in datasets:
        names = " or ".join(map(repr, sorted(datasets)))
        raise ValueError(f"`dataset` must be None, {names}. Received: dataset={dataset!r}")
    return [path for path in paths if dataset in (None, path.name.split("_")[0])]


def load_samples(dataset: Literal["cifar10", "cifar100"] | None = None) -> tuple[np.ndarray, list[str]]:
    """Returns the sample images and their labels.

    Args:
        dataset: `"cifar10"` or `"cifar100"`; the images of both by default.

    Returns:
        `(images, labels)`: uint8 array `(n, 32, 32, 3)`, RGB, and n class names such as `"apple"`.

    Raises:
        ValueError: On another data set.

    Example:

    >>> images, labels = load_samples("cifar100")
    >>> model.predict(images)
    """
    paths = sample_paths(dataset)
    images = np.stack([read_picture(path) for path in paths])
    return images, [path.stem.split("_", 1)[1].rsplit("_", 1)[0] for path in paths]
