"""The features of layers, and the gradients of a value of the logits with respect to them."""

import functools
from collections.abc import Callable, Collection
from typing import Any

import keras
import numpy as np
from keras import ops

from ..units.attention_module import image_axes
from .checks import check_logits
from .gradients import gradient, untracked
from .layer_by_layer import logits


def axes_of(model: keras.Model) -> tuple[int, tuple[int, int]]:
    """Returns the axis of the channels and the two spatial axes of a model's features, whatever Keras' setting is."""
    formats = (getattr(layer, "data_format", None) for layer in model._flatten_layers())
    _, channels, places = image_axes(next(filter(None, formats), None))
    return channels, places


def features_and_gradients(
    model: keras.Model,
    images,
    names: Collection[str],
    value: Callable[[Any], Any],
    training: bool = False,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns what layers give, and the gradient of a value with respect to it. The model stays as it is.

    Args:
        model: Functional model, see `check_inputs`.
        images: Images as the model takes them.
        names: Names of layers that are called once and give one tensor: see `check_layer`.
        value: Maps the logits, a tensor `(n, classes)`, to a scalar.
        training: Whether batch norms use the statistics of the batch, and dropout drops.

    Returns:
        `(features, gradients)`: each an array a name, of the shape of the layer's output, float32.

    Raises:
        ValueError: See `check_logits`.
    """
    features: dict[str, Any] = {}

    def see(call, outputs):
        if call.layer.name in names:
            features[call.layer.name] = ops.convert_to_numpy(ops.cast(outputs, "float32"))
        return outputs

    def value_with(offsets, scale):
        def add(call, outputs):
            if call.layer.name not in names:
                return outputs
            return outputs + ops.cast(offsets[call.layer.name], outputs.dtype)

        return value(logits(model, images, add, training)) * scale

    # The gradient with respect to an offset of zero is that with respect to the features.
    # In the scope, batch norms keep their moving statistics.
    with keras.StatelessScope():
        with untracked():
            check_logits(model, ops.convert_to_numpy(ops.cast(logits(model, images, see, training), "float32")))
        zeros = {name: np.zeros_like(features[name]) for name in names}
        for scale in _scales(model):
            scaled = gradient(functools.partial(value_with, scale=scale), zeros)
            if all(np.isfinite(values).all() for values in scaled.values()):
                break
    return features, {name: values / scale for name, values in scaled.items()}


def _scales(model: keras.Model) -> tuple[float, ...]:
    """Returns what a value is multiplied by before its gradient is taken, the next where one is too large.

    In float16, small gradients would become zero.
    """
    has_float16 = any(layer.compute_dtype == "float16" for layer in model._flatten_layers())
    return (2.0**16, 2.0**12, 2.0**8, 2.0**4, 1.0) if has_float16 else (1.0,)
