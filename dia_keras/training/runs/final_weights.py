"""Saving the weights, or the network, of a complete training."""

import pathlib
import warnings

import keras

from ... import zoo
from ...files import staged
from ...inference.precision import in_float32


def save_final_weights(model: keras.Model, path: pathlib.Path) -> None:
    """Saves weights in float16, or with a warning in their own type where one is beyond the range of float16.

    A training of many hours does not end without a file. `zoo.load` takes both.

    Args:
        model: The trained network.
        path: File to write: `*.weights.h5`.
    """
    try:
        zoo.save_weights(model, path)
    except ValueError as error:
        with staged(path) as new:
            model.save_weights(new)
        warnings.warn(f"{path.name} has the weights as they were trained, not in float16: {error}", stacklevel=2)


def save_network(model: keras.Model, path: pathlib.Path) -> None:
    """Saves a network in float32 and without its optimizer.

    Args:
        model: The trained network.
        path: File to write: `*.keras`.
    """
    model = in_float32(model)
    with staged(path) as new:
        keras.Model(model.input, model.output, name=model.name).save(new)
