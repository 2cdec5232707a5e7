"""Accuracy of an entry of the zoo, or of your own network, as a user loads it."""

import os

from ..data import Split
from ..data.picture import Resize
from ..zoo.finding import find_network
from .evaluation import Evaluation, evaluate
from .network_data import load_data_of


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
        name: Name of an entry, path of a run's folder, or of a `.keras` file: see `dia_keras.zoo.finding`.
        weights: `"pretrained"` or the path of a weights file, for an entry.
        source: Where the data are: see `dia_keras.data.load`. Default: an entry's data set, from TFDS.
        data_dir: Folder of the TFDS data sets.
        resize: How images of another size are resized, see `dia_keras.data.load`. Default: what the card says.
        images: Number of test images; all by default.

    Raises:
        ValueError: If there is no such entry, weights do not fit it, or the data have other classes.
        FileNotFoundError: If weights or data are missing.
    """
    network = find_network(name, weights)
    model = network.load()
    dataset = load_data_of(network, source, data_dir, resize=resize)
    test = Split(dataset.test.images[:images], dataset.test.labels[:images])
    return evaluate(model, test, dataset.class_names)
