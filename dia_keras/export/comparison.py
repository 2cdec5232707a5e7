"""How the answers of an exported file compare with those of the model."""

from collections.abc import Callable, Mapping

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
        difference = largest_difference(in_two_batches(predict, images), expected)
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


def in_two_batches(predict: Runner, images: np.ndarray) -> np.ndarray:
    """Returns the predictions of one image and of all others: a file with a fixed batch size cannot give them."""
    parts = [images[:1], images[1:]] if len(images) > 1 else [images]
    return np.concatenate([predict(part) for part in parts])


def check_twin(model: keras.Model, images: np.ndarray, expected: np.ndarray) -> None:
    """Raises an `ExportMismatchError` where the model's answers differ from those expected by more than rounding."""
    difference = largest_difference(model.predict(images.astype("float32"), verbose=0).astype("float32"), expected)
    if not difference <= ROUNDING:
        raise ExportMismatchError(
            f"`model` does not answer in float32 as it does by itself: it differs by {difference:.3g}. Nothing was "
            f"written. Received: model={model.name!r} of {model.dtype_policy.name}"
        )


def has_classes(predictions: np.ndarray) -> bool:
    """Whether predictions are scores of two classes or more, `(n, classes)`."""
    return predictions.ndim == 2 and predictions.shape[1] > 1


def top1(
    predict: Runner, images: np.ndarray, labels: np.ndarray, batch_size: int = 250, what: str = "Comparing"
) -> float:
    """Returns the fraction of images whose best class is right.

    The predictions are made in batches, of which a command shows the progress as `what`.
    """
    starts = track(range(0, len(images), batch_size), what)
    best = [predict(images[i : i + batch_size]).argmax(-1) for i in starts]
    return float((np.concatenate(best) == np.asarray(labels)).mean())
