"""Weights files: written in float16, and loaded exactly or not at all."""

import os
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np

from ..files import staged
from . import hdf5_file, safetensors_file
from .keras_layout import layout_of
from .tensors import FLOATS, Contents, Layout, Place, Unfit, read, record_of

FORMS = (hdf5_file, safetensors_file)
SUFFIXES = tuple(form.SUFFIX for form in FORMS)
#: Bytes of a file that is read at all: a gibibyte. With Adam's state, the largest entry of the zoo has 0.6.
LARGEST = 1 << 30


class WeightsFile(NamedTuple):
    """A weights file, read once: what was verified is what is parsed."""

    path: pathlib.Path
    content: bytes


def save_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Saves a network's weights in float16, half the size of `model.save_weights`, with the same names.

    The file is complete when it appears under its name. It has no state of the optimizer. It tells the model's name and
    the SHA-256 of its weights, which `load` holds against them.

    Args:
        model: The network.
        path: File to write: `*.weights.h5`, which Keras loads, too, or `*.safetensors`.

    Raises:
        ValueError: If the name ends otherwise, or a weight is beyond the range of float16 (65504), infinite or NaN.
    """
    path = pathlib.Path(path)
    form = _form(path)
    if form is None:
        raise ValueError(
            f"`path` must end in {safetensors_file.SUFFIX} or must end in {hdf5_file.SUFFIX}. "
            f"Received: path={str(path)!r}"
        )
    layout, values = layout_of(model)
    tensors = {key: _to_half(value, f"{key} ({layout.places[key].layer})") for key, value in values.items()}
    layers = {key: place.layer for key, place in layout.places.items()}
    with staged(path) as new:
        form.write(new, tensors, layers, record_of(model.name, tensors))


def load_weights(
    model: keras.Model, weights: str | os.PathLike | WeightsFile, aside: Mapping[str, Place] | None = None
) -> None:
    """Loads a weights file that holds every weight of a network, in its shape, and nothing else.

    Where it fails, the network keeps the weights that it has.

    Args:
        model: The network.
        weights: File made by `save_weights` or `model.save_weights`, or one that was read; an optimizer's state in it
            is left aside.
        aside: Tensors, by name, that the file must hold besides; they are checked, and left aside.

    Raises:
        ValueError: If the file cannot be read, is damaged, or does not fit, or if its weights are not floats or not
            finite; the message names the file and what does not fit.
    """
    file = weights if isinstance(weights, WeightsFile) else read_file(weights)
    layout, variables = layout_of(model)
    layout = layout._replace(places={**layout.places, **(aside or {})})
    other = next((key for key, place in layout.places.items() if place.dtype not in FLOATS), None)
    if other or not all(isinstance(variable, keras.Variable) for variable in variables.values()):
        raise ValueError(f"`model` must have weights of floats, of no quantization or LoRA. Received: {model.name!r}")
    try:
        tensors = read(_look_up(file, layout), layout)
    except Unfit as error:
        raise ValueError(f"`weights` {error}. Received: weights={str(file.path)!r}") from error
    for key, variable in variables.items():
        variable.assign(tensors[key])


def shape_in(file: WeightsFile, name: str) -> tuple[int, ...] | None:
    """Returns the shape of a tensor in a weights file, `None` where it has none of this name.

    Raises:
        ValueError: If the file is damaged or of another form.
    """
    layout = Layout("", {name: Place((), "float32", "")}, ())
    try:
        tensor = _look_up(file, layout).tensors.get(name)
    except Unfit as error:
        raise ValueError(f"`weights` {error}. Received: weights={str(file.path)!r}") from error
    return None if tensor is None or tensor.problem else tensor.shape


def read_file(path: str | os.PathLike) -> WeightsFile:
    """Returns a weights file with its content.

    Raises:
        ValueError: If it cannot be read, or has more than a gibibyte.
    """
    path = pathlib.Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(size) if (size := os.fstat(file.fileno()).st_size) <= LARGEST else None
    except OSError as error:
        raise ValueError(
            f"`weights` must be a file that can be read ({error.strerror}). Received: weights={str(path)!r}"
        ) from error
    if content is None:
        raise ValueError(f"`weights` must have at most {LARGEST} bytes. Received: {size} bytes in {str(path)!r}")
    return WeightsFile(path, content)


def _form(path: pathlib.Path):
    return next((form for form in FORMS if path.name.endswith(form.SUFFIX)), None)


def _look_up(file: WeightsFile, layout: Layout) -> Contents:
    form = _form(file.path)
    if form is None:
        raise Unfit(f"must end in {' or '.join(SUFFIXES)}")
    return form.look_up(file.content, layout)


def _to_half(value, name: str) -> np.ndarray:
    values = keras.ops.convert_to_numpy(value)
    if keras.backend.standardize_dtype(values.dtype) not in FLOATS:
        return np.array(values, order="C")
    with np.errstate(over="ignore"):
        half = values.astype(np.float16, order="C")
    if not np.isfinite(half).all():
        worst = values.flat[np.abs(values).argmax()]
        raise ValueError(f"`model` must have finite weights within the range of float16. Received: {worst} in {name}")
    return half
