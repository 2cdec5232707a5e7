"""Copies of models and layers: what can be copied, and how a copy gets its weights."""

import keras
import numpy as np


def is_functional(layer) -> bool:
    """Whether a layer is a model that consists of layers and computes nothing else."""
    has_layers = hasattr(layer, "_nodes_by_depth") or (isinstance(layer, keras.Sequential) and layer.built)
    if not has_layers:
        return False
    call = type(layer).call
    is_of_keras = call.__module__.partition(".")[0] == "keras"  # others may have these names, too
    return is_of_keras and call.__qualname__ in ("Functional.call", "Sequential.call")


def is_quantized(layer) -> bool:
    """Whether `quantize` of Keras has quantized a layer, a model, or anything within."""
    return any(getattr(part, "quantization_mode", None) for part in layer._flatten_layers())


def as_functional(model: keras.Model) -> keras.Model:
    """Returns a functional model of the layers of a model, one that is not compiled: `model` itself, if it is one.

    Keras copies a compiled model with its optimizer, loss and metrics. An export needs none of them, and Keras cannot
    copy custom ones.
    """
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return keras.Model(model.input, model.output, name=model.name) if model.compiled else model


def give_weights(layer: keras.layers.Layer, values: list[np.ndarray]) -> None:
    """Sets the weights of a layer. A `Normalization` computes with them only once it is finalized."""
    layer.set_weights(values)
    for part in layer._flatten_layers():
        if isinstance(part, keras.layers.Normalization):
            part.finalize_state()
