"""The confusion matrix: its counts, the accuracies that follow from them, and its picture."""

import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ...data import Split
from ...figure_text import as_is
from ...files import staged
from ..evaluation import finite_scores

#: With more classes than these, names and numbers in the picture could not be read.
MOST_NUMBERS, MOST_NAMES = 20, 60


def confusion_matrix(model: keras.Model, split: Split, num_classes: int, batch_size: int = 250) -> np.ndarray:
    """Returns how many images of a class, by rows, the model takes for which class, by columns: `(classes, classes)`.

    Args:
        model: Model from raw images to scores, `(batch, classes)`.
        split: Images and labels.
        num_classes: Number of classes.
        batch_size: Number of images per batch.

    Raises:
        ValueError: If a score is NaN or infinite.
    """
    counts = np.zeros((num_classes, num_classes), np.int64)
    if len(split.labels):
        np.add.at(counts, (split.labels, finite_scores(model, split, batch_size).argmax(-1)), 1)
    return counts


def figures(counts: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    """Returns the figures of a confusion matrix, as values for JSON.

    Returns:
        `images`; `accuracy`, of all images; `balanced_accuracy`, the mean over the classes of their accuracies;
        `per_class`, these accuracies by name, of classes with images; `confusion`, the counts. Accuracies are from 0 to
        1.
    """
    images = counts.sum(axis=1)
    per_class = {name: float(counts[i, i] / images[i]) for i, name in enumerate(class_names) if images[i]}
    return {
        "images": int(images.sum()),
        "accuracy": float(counts.trace() / images.sum()) if images.sum() else None,
        "balanced_accuracy": float(np.mean(list(per_class.values()))) if per_class else None,
        "per_class": per_class,
        "confusion": counts.tolist(),
    }


def plot_confusion(counts: np.ndarray, class_names: Sequence[str], picture: pathlib.Path, title: str) -> None:
    """Draws a confusion matrix into a PNG: rows are the true classes, colors the shares of a row."""
    from matplotlib.figure import Figure

    number = len(class_names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(4 + 0.3 * number, 16)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set(title=title, xlabel="answer", ylabel="class")
    if number <= MOST_NAMES:
        names = [as_is(name) for name in class_names]
        axes.set_xticks(range(number), names, rotation=90)
        axes.set_yticks(range(number), names)
    if number <= MOST_NUMBERS:
        for row, column in np.ndindex(counts.shape):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color)
    figure.colorbar(image, label="share of the class")
    with staged(picture) as new:
        figure.savefig(new, dpi=110, format="png")
