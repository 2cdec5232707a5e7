"""Whether an exported file answers as the model does."""

from collections.abc import Callable, Mapping

import numpy as np

from .errors import ExportMismatchError

#: Function of images, `(n, height, width, channels)`, that returns predictions, `(n, ...)`.
Runner = Callable[[np.ndarray], np.ndarray]
Runners = Mapping[str, Runner]


def largest_difference(predictions: np.ndarray, expected: np.ndarray) -> float:
    """Returns max |predictions - expected| / max(1, max |expected|): absolute for probabilities, relative for logits.

    It is NaN where either has a NaN, and infinite where the shapes differ.
    """
    if predictions.shape != expected.shape:
        return float("inf")
    return float(np.max(np.abs(predictions - expected)) / max(1.0, np.max(np.abs(expected))))


def check(runners: Runners, images: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """Returns the largest difference of all answers.

    Args:
        runners: What answers, by its name for the message.
        images: The images, of which one alone, and then all others, are asked for.
        expected: The model's predictions, `(n, ...)`.
        tolerance: What the difference may be at most.

    Raises:
        ExportMismatchError: Where a difference is larger, or not a number.
    """
    differences = [0.0]
    for what, predict in runners.items():
        difference = largest_difference(in_two_batches(predict, images), expected)
        if not difference <= tolerance:
            raise ExportMismatchError(
                f"The exported file does not answer as `model` does: {what} differs by {difference:.3g}, more than "
                f"`tolerance` allows. Nothing was written. Received: tolerance={tolerance!r}"
            )
        differences.append(difference)
    return max(differences)


def in_two_batches(predict: Runner, images: np.ndarray) -> np.ndarray:
    """Returns the predictions of one image and of all others: a file that fixes the batch size cannot give them."""
    parts = [images[:1], images[1:]] if len(images) > 1 else [images]
    return np.concatenate([predict(part) for part in parts])
