"""Accuracy of an entry of the zoo, as a user loads it."""

import os

from .. import zoo
from ..data import Split
from ..data.picture import Resize
from ..training import Evaluation, evaluate
from .runs.run import load_data


def evaluate_entry(
    name: str,
    weights: str | os.PathLike = "pretrained",
    source: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    resize: Resize | None = None,
    images: int | None = None,
) -> Evaluation:
    """Returns the accuracies of an entry on its whole test set, or on the first images of it.

    Args:
        name: Name of the entry.
        weights: `"pretrained"` or the path of a `.weights.h5` file, for `dia_keras.zoo.load`.
        source: Where the data are: see `dia_keras.data.load`. Default: the entry's data set, from TFDS.
        data_dir: Folder of the TFDS data sets.
        resize: How images of another size are resized, see `dia_keras.data.load`. Default: what the card says.
        images: Number of test images; all by default.

    Raises:
        ValueError: If there is no such entry, weights do not fit it, or the data have other classes.
        FileNotFoundError: If weights or data are missing.
    """
    model = zoo.load(name, weights=weights)
    dataset = load_data(zoo.card(name), source, data_dir, resize=resize)
    test = Split(dataset.test.images[:images], dataset.test.labels[:images])
    return evaluate(model, test, dataset.class_names)
