"""Weights of copied layers."""

import keras
import numpy as np


def give_weights(layer: keras.layers.Layer, values: list[np.ndarray]) -> None:
    """Gives a layer these weights, with which a `Normalization` computes only once it is finalized."""
    layer.set_weights(values)
    for each in layer._flatten_layers():
        if isinstance(each, keras.layers.Normalization):
            each.finalize_state()
