"""Weights files: written in float16, and loaded exactly or not at all."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Literal

import keras
import numpy as np

from ..backbones.layers import from_image_shape
from ..files import staged
from ..inference.copies import is_quantized
from ..inference.ending import classifier_activation
from .files.keras_layout import layout_of
from .files.reading import SUFFIXES, WeightsFile, form_of, read_file, tensors_in
from .files.record import LONGEST, OTHER, Record, text_of
from .files.tensors import FLOATS, Place


def save_weights(
    model: keras.Model,
    path: str | os.PathLike,
    dtype: Literal["float16", "float32"] = "float16",
    labels: Sequence[str] | None = None,
) -> None:
    """Saves a network's weights, by default in float16, half the size of `model.save_weights`, with the same names.

    The file is complete when it appears under its name. It has no state of the optimizer. It has the model's name, the
    size of its images, its labels, its classifier's activation, and the SHA-256 of its weights, which `load` holds
    against them.

    Args:
        model: The network.
        path: File to write: `*.weights.h5`, which Keras loads, too, or `*.safetensors`.
        dtype: `"float16"`, or `"float32"` for a file that rounds nothing.
        labels: Class names, in the order of the outputs, of a network with classes of your own. Without them, the
            commands of `dia-keras` take a network with as many classes as its entry for one with the entry's classes.

    Raises:
        ValueError: If the model is not functional, or is quantized; if the name ends otherwise, `labels` are not a name
            for each class, or a weight is beyond the range of the dtype (65504 in float16), infinite or NaN.
    """
    if dtype not in ("float16", "float32"):
        raise ValueError(f"`dtype` must be 'float16' or 'float32'. Received: dtype={dtype!r}")
    path = pathlib.Path(path)
    form = form_of(path)
    if form is None:
        raise ValueError(
            f"`path` {' or '.join(f'must end in {suffix}' for suffix in reversed(SUFFIXES))}. "
            f"Received: path={str(path)!r}"
        )
    if is_quantized(model):
        raise ValueError(
            "`model` must not be quantized: a weights file holds the network before `quantize`. "
            f"Received: {model.name!r}"
        )
    if not getattr(model, "outputs", None):
        raise ValueError(f"`model` must be a functional `keras.Model`. Received: model={model!r}")
    layout, values = layout_of(model)
    tensors = {key: _rounded(value, dtype, f"{key} ({layout.places[key].layer})") for key, value in values.items()}
    layers = {key: place.layer for key, place in layout.places.items()}
    record = text_of(_record_of(model, labels), tensors)
    if len(record) > LONGEST:
        raise ValueError(f"`labels` must be shorter: with them, the file's record has {len(record)} of {LONGEST} bytes")
    with staged(path) as new:
        form.write(new, tensors, layers, record)


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
        raise ValueError(f"`model` must have weights of floats, without quantization or LoRA. Received: {model.name!r}")
    tensors = tensors_in(file, layout)
    for key, variable in variables.items():
        variable.assign(tensors[key])


def _record_of(model: keras.Model, labels: Sequence[str] | None) -> Record:
    """Returns what the file says about a network."""
    answers = [tuple(output.shape) for output in model.outputs or []]
    classes = answers[0][1] if len(answers) == 1 and len(answers[0]) == 2 else None
    if labels is not None:
        is_list = isinstance(labels, (list, tuple)) and all(isinstance(label, str) for label in labels)
        if not is_list or len(set(labels)) != len(labels) or len(labels) != classes:
            raise ValueError(
                f"`labels` must be a list or tuple of different strings, one for each class of {model.name!r}: "
                f"{classes or 'it has no classifier'}. Received: labels={labels!r}"
            )
        labels = tuple(labels)
    activation = None if classes is None else classifier_activation(model) or OTHER
    record = Record(model.name, classes, labels, activation=None if activation == "softmax" else activation)
    images = [tuple(image.shape[1:]) for image in model.inputs or []]
    if len(images) != 1 or len(images[0]) != 3:
        return record
    height, width, channels = from_image_shape(images[0])
    return record._replace(image_size=None if None in (height, width) else (height, width), channels=channels)


def _rounded(value, dtype: str, name: str) -> np.ndarray:
    values = keras.ops.convert_to_numpy(value)
    if keras.backend.standardize_dtype(values.dtype) not in FLOATS:
        return np.array(values, order="C")
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype, order="C")
    if not np.isfinite(rounded).all():
        worst = values.flat[np.abs(values).argmax()]
        raise ValueError(f"`model` must have finite weights within the range of {dtype}. Received: {worst} in {name}")
    return rounded
