"""The cells under test, by name, and small helpers."""

import keras
import numpy as np
import units_reference as reference

from dia_keras.units import DIALSTMCell, DIALSTMLightCell, RecurrentAttention, StandardLSTMCell, stacked_dia_lstm

N = 16

CELLS = {
    "dia_lstm": lambda **kwargs: DIALSTMCell(N, **kwargs),
    "dia_lstm_light": lambda **kwargs: DIALSTMLightCell(N, 4, **kwargs),
    "standard_lstm": lambda **kwargs: StandardLSTMCell(N, **kwargs),
    "stacked": lambda **kwargs: stacked_dia_lstm(N, cells=3, **kwargs),
}

KERAS_CELLS = {
    "LSTMCell": keras.layers.LSTMCell,
    "GRUCell": keras.layers.GRUCell,
    "SimpleRNNCell": keras.layers.SimpleRNNCell,
}


def features(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def randomize(layer, seed=2):
    """Gives every weight random values, those that start at zero too."""
    rng = np.random.default_rng(seed)
    for v in layer.weights:
        v.assign(rng.normal(scale=0.4, size=v.shape))


def numpy(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def reference_step(name, cell, **kwargs):
    """Returns the NumPy step `(y, state) -> (attention, state)` of a cell, and the zero state for a batch."""
    if name == "stacked":
        steps = [reference.dia_lstm, reference.standard_lstm, reference.standard_lstm]
        ws = [reference.weights(c) for c in cell.cells]
        kwargs = {"output": "sigmoid", **kwargs}

        def stacked(y, states):
            new = []
            for step, w, state in zip(steps, ws, states, strict=True):
                y, state = step(w, y, state, **kwargs)
                new.append(state)
            return y, new

        return stacked, lambda batch: [(np.zeros((batch, N)), np.zeros((batch, N)))] * 3
    step, w = getattr(reference, name), reference.weights(cell)
    return (
        lambda y, state: step(w, y, state, **kwargs),
        lambda batch: (np.zeros((batch, N)), np.zeros((batch, N))),
    )


def stage_model(unit, blocks=2, width=N):
    """A residual stage with one shared unit, and a regression head."""
    x = inputs = keras.Input((4, 4, width))
    states = None
    for _ in range(blocks):
        branch, states = unit(keras.layers.Conv2D(width, 1)(x), states)
        x = keras.layers.Add()([x, branch])
    return keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(keras.layers.GlobalAveragePooling2D()(x)))


def unit_of(name, **kwargs):
    return RecurrentAttention(CELLS[name](**kwargs))
