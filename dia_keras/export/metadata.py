"""What an exported file says of itself."""

from collections.abc import Sequence
from typing import Any

import keras


def describe(model: keras.Model, input_dtype: str, labels: Sequence[str] | None) -> dict[str, Any]:
    """Returns what a user of the file must know, fit for JSON.

    Args:
        model: The model that is exported.
        input_dtype: The dtype of the images that the file takes.
        labels: Names of the classes, or `None`.
    """
    shape = list(model.inputs[0].shape[1:])
    metadata: dict[str, Any] = {
        "name": model.name,
        "input": {"name": "images", "dtype": input_dtype, "shape": shape},
        "output": {"name": "predictions", "shape": list(model.outputs[0].shape[1:])},
        "normalization": None,
        "labels": list(labels) if labels is not None else None,
    }
    norm = next((layer for layer in model.layers if isinstance(layer, keras.layers.Normalization)), None)
    if norm is not None:
        mean, variance = (keras.ops.convert_to_numpy(value).ravel() for value in (norm.mean, norm.variance))
        metadata["normalization"] = {
            "where": "in the file: it takes values from 0 to 255",
            "mean": [float(value) for value in mean],
            "std": [float(value) for value in variance**0.5],
        }
    return metadata
