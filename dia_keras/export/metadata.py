"""Metadata of an exported file."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from ..inference.copies import as_functional, is_functional
from ..inference.ending import last_activation


def describe(
    model: keras.Model,
    input_dtype: str,
    labels: Sequence[str] | None,
    of_pixels: bool = True,
    resize: str = "crop",
) -> dict[str, Any]:
    """Returns what a user of the file must know, as values for JSON.

    Of its images, `values` are the lowest and the highest pixel value; `None` where the file takes others, which only
    the author of the model knows.

    Args:
        model: The model that is exported.
        input_dtype: The dtype of the images that the file takes.
        labels: Names of the classes, or `None`.
        of_pixels: Whether the model's images are pixel values, 0 to 255. A normalization of pixel values shows it, too.
        resize: How images of other sizes become the model's: `resize` of `dia_keras.data.load`.
    """
    shape = list(model.inputs[0].shape[1:])
    of_pixels = of_pixels or normalizes_pixels(model)
    metadata: dict[str, Any] = {
        "name": model.name,
        "input": {
            "name": "images",
            "dtype": input_dtype,
            "shape": shape,
            "values": range_of(input_dtype) if of_pixels else None,
            "resize": resize,
        },
        "output": {
            "name": "predictions",
            "shape": list(model.outputs[0].shape[1:]),
            "activation": last_activation(model),
        },
        "normalization": None,
        "labels": list(labels) if labels is not None else None,
    }
    if statistics := normalization(model):
        takes = values_of(input_dtype) if of_pixels else "images as the model does"
        mean, std = (value.tolist() for value in statistics)
        metadata["normalization"] = {"where": f"in the file: it takes {takes}", "mean": mean, "std": std}
    return metadata


def range_of(input_dtype: str) -> list[int]:
    """Returns the lowest and the highest pixel value of a file of pixel values."""
    return [-128, 127] if input_dtype == "int8" else [0, 255]


def values_of(input_dtype: str) -> str:
    """Returns the values that a file of pixel values takes."""
    return "values from 0 to 255, less 128" if input_dtype == "int8" else "values from 0 to 255"


def normalization(model: keras.Model) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns mean and standard deviation by which the model normalizes its images, `None` where it does not.

    They are float64, `(1,)` or `(channels,)`, in the units of the images that the model takes.
    """
    scale, offset = np.ones(1), np.zeros(1)
    is_rescaled = False
    for layer in _readers_of_images(model):
        if isinstance(layer, keras.layers.Rescaling):
            is_rescaled = True
            scale, offset = scale * np.array(layer.scale), offset * np.array(layer.scale) + np.array(layer.offset)
        elif isinstance(layer, keras.layers.Normalization) and not layer.invert:
            mean, variance = (
                keras.ops.convert_to_numpy(value).astype("float64").ravel() for value in (layer.mean, layer.variance)
            )
            if len(mean) not in (1, model.inputs[0].shape[-1]):
                return None
            is_rescaled = True
            deviation = np.maximum(variance**0.5, keras.backend.epsilon())
            scale, offset = scale / deviation, (offset - mean) / deviation
        elif not _keeps_values(layer):
            break
    return (-offset / scale + 0.0, 1 / scale) if is_rescaled else None


def normalizes_pixels(model: keras.Model) -> bool:
    """Whether a model normalizes its images, and by figures of pixel values, 0 to 255.

    Those of 0..1 or -1..1 are 2 at most, and a standard deviation of pixel values, or a mean, is far above.
    """
    statistics = normalization(model)
    return statistics is not None and bool(max(np.abs(values).max() for values in statistics) > 10)


def _keeps_values(layer) -> bool:
    """Whether a layer only moves pixels at inference, if that; Keras' random augmentations do nothing then."""
    moves = isinstance(layer, (keras.layers.Identity, keras.layers.Resizing, keras.layers.CenterCrop))
    return moves or (type(layer).__module__.startswith("keras.") and type(layer).__name__.startswith("Random"))


def _readers_of_images(model) -> Iterator[Any]:
    """Yields the layers through which images go one after another, in models within the model, too.

    The last one is `None` where several layers read the same.
    """
    model = as_functional(model)
    nodes = [node for nodes in model._nodes_by_depth.values() for node in nodes]
    images = model.inputs[0]
    while readers := [node for node in nodes if any(tensor is images for tensor in node.input_tensors)]:
        if len(readers) > 1:
            yield None
            return
        operation, images = readers[0].operation, readers[0].outputs[0]
        yield from _readers_of_images(operation) if is_functional(operation) else [operation]
