"""Comparison of an exported file's answers with those of the model."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from ..progress import track
from .errors import ExportMismatchError

#: Function of images, `(n, height, width, channels)`, that returns predictions, `(n, ...)`.
Runner = Callable[[np.ndarray], np.ndarray]
Runners = Mapping[str, Runner]

#: How much reduced precision may change probabilities, or logits relative to the largest, of a deep net.
ROUNDING = 0.5


def largest_difference(predictions: np.ndarray, expected: np.ndarray) -> float:
    """Returns max |predictions - expected| / max(1, max |expected|): absolute for probabilities, relative for logits.

    It is NaN where either has a NaN, and infinite where the shapes differ.
    """
    if predictions.shape != expected.shape:
        return float("inf")
    return float(np.max(np.abs(predictions - expected)) / max(1.0, np.max(np.abs(expected))))


def compare(runners: Runners, images: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """Returns the largest difference of all answers.

    Args:
        runners: What answers, by its name for the message.
        images: The images. Each runner is asked for the first one alone, and then for all others.
        expected: The model's predictions, `(n, ...)`.
        tolerance: The largest difference allowed.

    Raises:
        ExportMismatchError: Where a difference is larger, or not a number.
    """
    differences = [0.0]
    for what, predict in runners.items():
        difference = largest_difference(in_two_sizes(predict, images), expected)
        if not difference <= tolerance:
            raise mismatch(what, difference, tolerance)
        differences.append(difference)
    return max(differences)


def mismatch(what: str, difference: float, tolerance: float) -> ExportMismatchError:
    """Returns the error of a file whose answers differ too much."""
    return ExportMismatchError(
        f"The exported file does not answer as `model` does: {what} differs by {difference:.3g}, more than "
        f"`tolerance` allows. Nothing was written. Received: tolerance={tolerance!r}"
    )


def in_two_sizes(predict: Runner, images: np.ndarray) -> np.ndarray:
    """Returns the predictions of one image, and then of batches: a file with a fixed batch size cannot give them."""
    size = batch_size_for(images)
    starts = range(1, len(images), size)
    return np.concatenate([predict(images[:1]), *(predict(images[i : i + size]) for i in starts)])


def batch_size_for(images: np.ndarray) -> int:
    """Returns the number of images in a batch: 250, and fewer where they are larger than 64x64."""
    return max(1, min(250, 250 * 64 * 64 * 3 // images[0].size))


def check_twin(model: keras.Model, images: np.ndarray, expected: np.ndarray) -> None:
    """Raises an `ExportMismatchError` where the model's answers differ from those expected by more than rounding."""
    difference = largest_difference(model.predict(images.astype("float32"), verbose=0).astype("float32"), expected)
    if not difference <= ROUNDING:
        raise ExportMismatchError(
            f"`model` does not answer in float32 as it does by itself: it differs by {difference:.3g}. Nothing was "
            f"written. Received: model={model.name!r} of {model.dtype_policy.name}"
        )


def agreement(predict: Runner, images: np.ndarray, expected: np.ndarray) -> float | None:
    """Returns the fraction of images that a file puts into the class that is expected.

    Args:
        predict: The file.
        images: The images.
        expected: The model's predictions, `(n, ...)`: scores of classes, or probabilities of one class, which decide by
            whether they are more than a half. For anything else the answer is `None`.
    """
    is_of_classes = expected.ndim == 2 and expected.shape[1] > 1
    is_of_one = expected.ndim == 2 and expected.shape[1] == 1 and expected.min() >= 0 and expected.max() <= 1
    if not is_of_classes and not is_of_one:
        return None

    def decide(predictions):
        return predictions.argmax(-1) if is_of_classes else predictions[:, 0] > 0.5

    same = in_batches(lambda part: decide(predict(part)), images, "Comparing") == decide(expected)
    return float(same.mean())


def best_classes(predict: Runner, images: np.ndarray, what: str) -> np.ndarray:
    """Returns the class of each image with the highest score, -1 where a score is NaN or infinite.

    A command shows the progress as `what`.
    """

    def best(part):
        scores = predict(part)
        return np.where(np.isfinite(scores).all(-1), scores.argmax(-1), -1)  # of NaN, argmax takes the first class

    return in_batches(best, images, what)


def in_batches(function: Callable[[np.ndarray], Any], images: np.ndarray, what: str) -> np.ndarray:
    """Returns what a function of images returns for all of them. A command shows the progress as `what`."""
    size = batch_size_for(images)
    return np.concatenate([function(images[i : i + size]) for i in track(range(0, len(images), size), what)])
