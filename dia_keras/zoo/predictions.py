"""From outputs to named probabilities."""

import keras
import numpy as np

from .cards import Card, card


def decode_predictions(predictions, name: str | Card, top: int = 5) -> list[list[tuple[str, float]]]:
    """Names the likeliest classes of every image.

    Args:
        predictions: Probabilities, array or tensor of shape `(batch, classes)`, as the entry's network returns them.
        name: Name or card of the entry, whose labels are used.
        top: Number of classes an image.

    Returns:
        A list an image of `(label, probability)`, likeliest first.

    Raises:
        ValueError: If `predictions` are not `(batch, classes)` with the entry's number of classes, or `top` is not
            positive.

    Example:

    >>> model = load("dia_resnet20_cifar100")
    >>> decode_predictions(model.predict(images), "dia_resnet20_cifar100", top=1)
    [[('apple', 0.98)], ...]
    """
    labels = (name if isinstance(name, Card) else card(name)).labels
    predictions = keras.ops.convert_to_numpy(predictions)
    if predictions.ndim != 2 or predictions.shape[1] != len(labels):
        raise ValueError(
            f"`predictions` must have shape (batch, {len(labels)}). Received: predictions of shape {predictions.shape}"
        )
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise ValueError(f"`top` must be a positive integer. Received: top={top!r}")
    order = np.argsort(-predictions, axis=1, kind="stable")[:, :top]
    return [[(labels[i], float(row[i])) for i in best] for row, best in zip(predictions, order, strict=True)]
