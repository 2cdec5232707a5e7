"""Accuracy on a whole data set."""

import dataclasses
import os
from collections.abc import Sequence

import keras
import numpy as np

from ..arguments import positive_integer
from ..data.data_set import Split, check_split
from ..data.picture import Resize
from ..progress import track
from ..zoo.finding import find_network
from ..zoo.network_data import load_data_of


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Accuracies, from 0 to 1.

    Attributes:
        top1: Fraction of images whose best class is right.
        top5: Fraction of images with the right class among the best five.
        per_class: Top-1 by class name.
        images: Number of images.
    """

    top1: float
    top5: float
    per_class: dict[str, float]
    images: int

    @property
    def balanced(self) -> float:
        """Mean of the classes' accuracies: balanced accuracy."""
        return sum(self.per_class.values()) / len(self.per_class)


def evaluate(model: keras.Model, split: Split, class_names: tuple[str, ...], batch_size: int = 250) -> Evaluation:
    """Returns the accuracies of a model from raw images to logits or probabilities.

    Args:
        model: The model, `(n, height, width, channels)` to `(n, len(class_names))`.
        split: Images and labels.
        class_names: Names of the classes, in the order of their labels.
        batch_size: Number of images per batch.

    Raises:
        ValueError: If there are no images, labels out of range, or other outputs; or if a score is NaN or
            infinite; or if `batch_size` is not positive.
    """
    batch_size = positive_integer("batch_size", batch_size)
    check_split("split", split, len(class_names))
    scores = finite_scores(model, split, batch_size)
    if scores.shape[-1] != len(class_names):
        raise ValueError(
            f"`model` must have as many outputs as `class_names` has names, {len(class_names)}. "
            f"Received: outputs of shape {scores.shape}"
        )
    return accuracies(scores, split.labels, class_names)


def accuracies(scores: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]) -> Evaluation:
    """Returns the accuracies of scores. Of classes with equal scores, the first counts as the better.

    Args:
        scores: Logits or probabilities, `(n, classes)`.
        labels: Integers from 0 to `classes - 1`, `(n,)`.
        class_names: Names of the classes, in the order of their labels.
    """
    best = np.argsort(-scores, axis=-1, kind="stable")[:, :5]
    right = best == labels[:, None]
    per_class = {name: float(right[labels == i, 0].mean()) for i, name in enumerate(class_names) if (labels == i).any()}
    return Evaluation(float(right[:, 0].mean()), float(right.any(-1).mean()), per_class, len(labels))


def scores_of(model: keras.Model, split: Split, batch_size: int = 250) -> np.ndarray:
    """Returns a model's outputs on all images of a split, `(n, classes)`."""
    starts = track(range(0, len(split.images), batch_size), "Evaluating")
    return np.concatenate([np.asarray(model.predict_on_batch(split.images[i : i + batch_size])) for i in starts])


def finite_scores(model: keras.Model, split: Split, batch_size: int = 250) -> np.ndarray:
    """Returns what `scores_of` does, if all are finite.

    Raises:
        ValueError: If one is NaN or infinite, of which the best class would be the first.
    """
    scores = scores_of(model, split, batch_size)
    wrong = int((~np.isfinite(scores)).any(axis=-1).sum())
    if wrong:
        raise ValueError(
            "`model` must answer with finite scores: a weight may be damaged, or the training have diverged. Received: "
            f"NaN or infinity for {wrong} of {len(scores)} images"
        )
    return scores


def evaluate_entry(
    name: str,
    weights: str | os.PathLike = "pretrained",
    source: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    resize: Resize | None = None,
    images: int | None = None,
    labels: Sequence[str] | None = None,
) -> Evaluation:
    """Returns the accuracies of an entry on its whole test set, or on the first images of it.

    Args:
        name: Name of an entry, path of a run's folder, or of a `.keras` file: see `dia_keras.zoo.finding`.
        weights: `"pretrained"` or the path of a weights file, for an entry.
        source: Where the data are: see `dia_keras.data.load`. Default: an entry's data set, from TFDS.
        data_dir: Folder of the TFDS data sets.
        resize: How images of another size are resized, see `dia_keras.data.load`. Default: what the card says.
        images: Number of test images; all by default.
        labels: Class names of a network that has none, in the order of its outputs. Without, the classes of the data
            are taken to be in this order.

    Raises:
        ValueError: If there is no such entry, weights do not fit it, the data have other classes, or `images` is not
            positive.
        FileNotFoundError: If weights or data are missing.
    """
    if images is not None:
        images = positive_integer("images", images)
    network = find_network(name, weights, labels)
    model = network.load()
    dataset = load_data_of(network, source, data_dir, resize=resize)
    test = Split(dataset.test.images[:images], dataset.test.labels[:images])
    return evaluate(model, test, dataset.class_names)
