"""What a weights file of `save_weights` says about itself, beside the tensors: a JSON text."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .errors import Unfit

#: Version of what our own files say about themselves.
FORMAT = 1
#: Bytes that this may have.
LONGEST = 1 << 16
#: What a file says of its classifier's activation where that is none of Keras' three of classifiers.
OTHER = "other"
#: Activations of a classifier that a file names; without, it is a softmax.
ACTIVATIONS = ("sigmoid", "linear", OTHER)


class Record(NamedTuple):
    """What a file says about its network. Files of other programs, and older ones, say less.

    Attributes:
        network: Name of the network.
        classes: Number of its classes, `None` without a classifier.
        labels: Class names, in the order of the outputs, where they were given.
        image_size: Height and width of its images, where they are fixed.
        channels: Number of channels of its images.
        activation: Activation of its classifier, one of `ACTIVATIONS`, where it is not a softmax.
    """

    network: str
    classes: int | None = None
    labels: tuple[str, ...] | None = None
    image_size: tuple[int, int] | None = None
    channels: int | None = None
    activation: str | None = None


def text_of(record: Record, tensors: Mapping[str, np.ndarray]) -> str:
    """Returns what a file with these tensors says about itself."""
    known = {name: value for name, value in record._asdict().items() if value is not None and name != "network"}
    return json.dumps({"entry": record.network, "format": FORMAT, "sha256": _digest(tensors), **known})


def record_of(text: str | None) -> Record | None:
    """Returns what a file says about its network, `None` where it says nothing that can be understood."""
    try:
        fields = json.loads(text or "{}")
        classes, size = _positive(fields.get("classes")), fields.get("image_size")
        return Record(
            str(fields["entry"]),
            classes,
            _names(fields.get("labels"), classes),
            None if size is None else _pair(size),
            _positive(fields.get("channels")),
            _activation(fields.get("activation")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def check(text: str | None, tensors: Mapping[str, np.ndarray]) -> None:
    """Holds tensors against what their file says about them.

    Raises:
        Unfit: If they are not those that were saved, or the text is damaged or of a later format.
    """
    if text is None:
        return
    try:
        record: Any = json.loads(text)
        version, digest = int(record["format"]), str(record["sha256"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unfit(f"must be undamaged: its record {text[:80]!r} is not one of ours") from error
    if version > FORMAT:
        raise Unfit(f"must be of format {FORMAT} or earlier: it is of format {version}, from a later dia_keras")
    if digest != _digest(tensors):
        raise Unfit("must be undamaged: its tensors are not those that were saved, by their SHA-256")


def _positive(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(value)
    return value


def _activation(value: Any) -> str | None:
    if value is not None and value not in ACTIVATIONS:
        raise ValueError(value)
    return value


def _names(values: Any, classes: int | None) -> tuple[str, ...] | None:
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != classes:
        raise ValueError(values)
    return tuple(map(str, values))


def _pair(values: Any) -> tuple[int, int]:
    height, width = map(_positive, values)
    if height is None or width is None:
        raise ValueError(values)
    return height, width


def _digest(tensors: Mapping[str, np.ndarray]) -> str:
    sha256 = hashlib.sha256()
    for key, tensor in sorted(tensors.items()):
        sha256.update(f"{key} {tensor.dtype.name} {tensor.shape}\n".encode())
        sha256.update(tensor.astype(tensor.dtype.newbyteorder("<")).tobytes())
    return sha256.hexdigest()
