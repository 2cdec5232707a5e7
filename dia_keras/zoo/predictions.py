"""Decoding outputs to named probabilities."""

import os
from collections.abc import Sequence

import keras
import numpy as np

from ..arguments import positive_integer
from ..messages import did_you_mean
from .cards import Card, list_models
from .hub.repository import is_repository
from .metadata import card


def decode_predictions(
    predictions, labels: str | os.PathLike | Card | Sequence[str], top: int = 5
) -> list[list[tuple[str, float]]]:
    """Names the likeliest classes of every image.

    Args:
        predictions: Probabilities, array or tensor of shape `(batch, classes)`, as the entry's network returns them.
        labels: Names of the classes, a list or tuple in the order of the outputs; or the zoo entry, the repository,
            such as `"hf://user/repo"` or the path of a folder, or the `Card` that has them.
        top: Number of classes per image.

    Returns:
        One list per image of pairs `(label, probability)`, sorted by descending probability.

    Raises:
        ValueError: If there is no such entry, `predictions` are not finite numbers of shape `(batch, classes)` with a
            label for each class, or `top` is not positive.

    Example:

    >>> model = load("dia_resnet20_cifar100")
    >>> decode_predictions(model.predict(images), "dia_resnet20_cifar100", top=1)
    [[('apple', 0.98)], ...]
    >>> decode_predictions(own_model.predict(images), ["normal", "pneumonia"])
    [[('normal', 0.93), ('pneumonia', 0.07)], ...]
    """
    names = _names(labels)
    predictions = _numbers(predictions)
    if predictions.ndim != 2 or predictions.shape[1] != len(names):
        raise ValueError(
            f"`predictions` must have shape (batch, {len(names)}). Received: predictions of shape {predictions.shape}"
        )
    top = positive_integer("top", top)
    order = np.argsort(-predictions, axis=1, kind="stable")[:, :top]
    return [[(names[i], float(row[i])) for i in best] for row, best in zip(predictions, order, strict=True)]


def _numbers(predictions) -> np.ndarray:
    """Returns predictions in float64: the unsigned integers of a quantized file have no negative, by which to sort."""
    try:
        numbers = keras.ops.convert_to_numpy(predictions).astype("float64")
        is_finite = bool(np.isfinite(numbers).all())
    except (TypeError, ValueError) as error:
        raise ValueError(f"`predictions` must be an array of numbers. Received: {predictions!r}") from error
    if not is_finite:
        raise ValueError("`predictions` must be finite. Received: NaN or infinite values")
    return numbers


def _names(labels: str | os.PathLike | Card | Sequence[str]) -> Sequence[str]:
    if isinstance(labels, (list, tuple)):
        return labels
    if isinstance(labels, Card):
        return labels.labels
    if isinstance(labels, (str, os.PathLike)):
        if labels not in list_models() and not is_repository(labels):
            raise ValueError(
                "`labels` must be a list of class names, or what has them: an entry of the zoo, a repository or a card."
                f"{did_you_mean(labels, list_models())} Received: labels={os.fspath(labels)!r}"
            )
        return card(labels).labels
    raise ValueError(
        "`labels` must be a list or tuple of class names in the order of the outputs, or the name or the card of an "
        f"entry. Received: labels={labels!r}"
    )
