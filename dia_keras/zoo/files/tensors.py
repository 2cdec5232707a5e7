"""The tensors of a weights file against those of a network: all are compared before any is read."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import ml_dtypes
import numpy as np

from . import record
from .errors import Unfit

#: Name of what our own files say about themselves, a JSON text, in files of both forms.
RECORD = "dia_keras"
FLOATS = ("float16", "float32", "float64", "bfloat16")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


class Place(NamedTuple):
    """What a network expects of a tensor: its shape, the dtype that it is to have, and the layer that it is in."""

    shape: tuple[int, ...]
    dtype: str
    layer: str


class Layout(NamedTuple):
    """What a network expects of a weights file.

    Attributes:
        network: Name of the network.
        places: The tensors by name.
        groups: The groups that Keras writes, also those of layers without weights.
    """

    network: str
    places: Mapping[str, Place]
    groups: Iterable[str]


class Tensor(NamedTuple):
    """A tensor as the header of a file describes it.

    Attributes:
        shape: Shape.
        dtype: Dtype, where it is a type of floats.
        data: Its bytes, all of them.
        problem: What is wrong with it, to go on after its name.
    """

    shape: tuple[int, ...]
    dtype: np.dtype | None = None
    data: memoryview | bytearray | None = None
    problem: str | None = None

    def values(self) -> np.ndarray:
        """Returns its numbers."""
        assert self.data is not None  # else there is a problem
        return np.frombuffer(self.data, self.dtype).reshape(self.shape)  # type: ignore[call-overload]


class Contents(NamedTuple):
    """The content of a file's header.

    Attributes:
        tensors: The expected tensors that are there, by name.
        surplus: What else is there, and what is wrong with all of it, in words.
        record: What the file says about itself, a JSON text, if it is ours.
    """

    tensors: dict[str, Tensor]
    surplus: list[str]
    record: str | None = None


def read(contents: Contents, layout: Layout) -> dict[str, np.ndarray]:
    """Returns a file's tensors by name, in the dtypes of the network.

    Raises:
        Unfit: If one is missing, of another shape, surplus, not of floats, or not finite; or where the file is ours and
            its tensors are not those that were saved.
    """
    differences = _differences(contents, layout)
    if differences:
        rest = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise Unfit(f"must hold exactly the weights of {layout.network!r}: {'; '.join(differences[:3])}{rest}")
    saved = {key: tensor.values() for key, tensor in contents.tensors.items()}
    record.check(contents.record, saved)
    return {key: _converted(key, saved[key], place) for key, place in layout.places.items()}


def _differences(contents: Contents, layout: Layout) -> list[str]:
    missing, misshapen, problems = [], [], []
    for key, place in layout.places.items():
        tensor, name = contents.tensors.get(key), f"{key} ({place.layer})"
        if tensor is None:
            missing.append(f"{name} is missing")
        elif tensor.problem:
            problems.append(f"{name} {tensor.problem}")
        elif tensor.shape != place.shape:
            misshapen.append(f"{name} has shape {tensor.shape} instead of {place.shape}")
    return missing + misshapen + problems + contents.surplus


def _converted(key: str, saved: np.ndarray, place: Place) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        values = saved.astype(np.dtype(place.dtype))
    if not np.isfinite(values).all():
        worst = saved.flat[np.isfinite(values).argmin()]
        raise Unfit(f"must be finite in {place.dtype}: {key} ({place.layer}) holds {worst}")
    return values
