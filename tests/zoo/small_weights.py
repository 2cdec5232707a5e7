"""Weights and figures that the tests of the zoo share."""

import keras
import numpy as np

METRICS = {"top1": 60.5, "top5": 95.0, "epochs": 2, "seed": 0, "hardware": "2 cores", "command": "make", "log": "a.csv"}


def randomize(model: keras.Model) -> None:
    """Moves all weights, moving averages too, off their initial values, to numbers that float16 holds."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        value = keras.ops.convert_to_numpy(weight) + rng.uniform(0, 0.1, weight.shape)
        weight.assign(value.astype("float16").astype("float32"))
