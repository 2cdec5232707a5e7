"""The units in NumPy, written from the paper's equations, one time step a function.

Each takes the weights by name, the pooled features y and the state, and returns attention and new state.
"""

import keras
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


OUTPUTS = {"sigmoid": sigmoid, "tanh": np.tanh, "relu": relu}


def weights(layer) -> dict[str, np.ndarray]:
    return {v.name: keras.ops.convert_to_numpy(v).astype("float64") for v in layer.weights}


def recurrence(i, f, g, o, c, output):
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * OUTPUTS[output](c)
    return h, (h, c)


def dia_lstm(w, y, state, output="sigmoid"):
    """z = E_y ReLU(R_y y + b) + b + E_h ReLU(R_h h + b) + b."""
    h, c = state
    z = (
        relu(y @ w["input_reduce_kernel"] + w["input_reduce_bias"]) @ w["input_expand_kernel"]
        + w["input_expand_bias"]
        + relu(h @ w["hidden_reduce_kernel"] + w["hidden_reduce_bias"]) @ w["hidden_expand_kernel"]
        + w["hidden_expand_bias"]
    )
    i, f, g, o = np.split(z, 4, axis=-1)
    return recurrence(i, f, g, o, c, output)


def dia_lstm_light(w, y, state, output="sigmoid"):
    """z_g by both bottlenecks and one bias; z_i, z_f, z_o by IE maps w * x + b of y and of h."""
    h, c = state
    g = (
        relu(y @ w["input_reduce_kernel"] + w["input_reduce_bias"]) @ w["input_expand_kernel"]
        + relu(h @ w["hidden_reduce_kernel"] + w["hidden_reduce_bias"]) @ w["hidden_expand_kernel"]
        + w["candidate_bias"]
    )
    i, f, o = (
        (w["input_scale"][k] * y + w["input_shift"][k]) + (w["hidden_scale"][k] * h + w["hidden_shift"][k])
        for k in range(3)
    )
    return recurrence(i, f, g, o, c, output)


def standard_lstm(w, y, state, output="tanh"):
    """z = W y + b + U h + b."""
    h, c = state
    z = y @ w["input_kernel"] + w["input_bias"] + h @ w["hidden_kernel"] + w["hidden_bias"]
    i, f, g, o = np.split(z, 4, axis=-1)
    return recurrence(i, f, g, o, c, output)
