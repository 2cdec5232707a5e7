"""The paper's cells for inference: the same numbers from fewer, wider ops.

At batch size 1 the time of a small op is that of its call, not of its arithmetic. So the reduced input and hidden
state go through one matrix together, and the gates i, o and f through one sigmoid. In the first block of a stage, which
has no f, the part of the zero state is a constant. A convolution before the pooling can take in the first matrix.
"""

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from ..units import DIALSTMCell, DIALSTMLightCell, StandardLSTMCell
from ..units.cells.lstm_base import TwoStateCell

Weights = dict[str, np.ndarray]


@keras.saving.register_keras_serializable(package="dia_keras")
class FusedLSTMCell(TwoStateCell):
    """An LSTM-like cell with constant weights; `fused` makes it from a trained one.

    Args:
        units: Integer, N: width of input, output and both states.
        output_activation: As the trained cell's.
        shapes: The shapes of the weights by name: the matrices `candidate` of the gate g and `expand` of the others,
            and `input_reduce_kernel` and `hidden_reduce_kernel` where hidden layers precede them, with biases; in place
            of `expand`, the IE maps `scale`, `hidden_scale` and `shift`, one row a gate; with `first_`, those of a zero
            state.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of shape `(batch, units)`, or what the cell's hidden layer makes of it.
        states: `[h, c]`, two tensors of shape `(batch, units)`, or `None` for the zero state.
        is_reduced: Whether the inputs come from the hidden layer, which `input_layer` gives.

    Returns:
        `(h', [h', c'])`, all of shape `(batch, units)`.
    """

    def __init__(self, units: int, output_activation: str, shapes: Mapping[str, tuple[int, ...]], **kwargs):
        super().__init__(units, **{**kwargs, "trainable": False})
        self.output_activation = output_activation
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}

    def build(self, input_shape):
        self.maps = {name: self.add_weight(shape, "zeros", name=name) for name, shape in self.shapes.items()}
        self.built = True

    @property
    def input_layer(self) -> tuple[str, str] | None:
        """The names of kernel and bias of the hidden layer through which alone the input is seen, `None` without."""
        is_alone = "input_reduce_kernel" in self.shapes and "scale" not in self.shapes
        return ("input_reduce_kernel", "input_reduce_bias") if is_alone else None

    def compute_output_spec(self, inputs, states=None, is_reduced=False):
        return super().compute_output_spec(keras.KerasTensor((inputs.shape[0], self.units), self.compute_dtype))

    def call(self, inputs, states=None, is_reduced=False):
        which = "first_" if states is None else ""
        seen = inputs if is_reduced else self._reduced("input", inputs)
        if states is not None:
            seen = ops.concatenate([seen, self._reduced("hidden", states[0])], axis=-1)
        i, o, *f = self._gates(inputs, states, seen)
        cell = i * ops.tanh(self._linear(f"{which}candidate", seen))
        if states is not None:
            cell = f[0] * states[1] + cell
        hidden = o * keras.activations.get(self.output_activation)(cell)
        return hidden, [hidden, cell]

    def _linear(self, name: str, seen):
        return ops.matmul(seen, self.maps[name]) + self.maps[f"{name}_bias"]

    def _reduced(self, name: str, seen):
        """Returns the hidden layer `name` of what is seen, or that itself where there is none."""
        if f"{name}_reduce_kernel" not in self.maps:
            return seen
        return ops.relu(ops.matmul(seen, self.maps[f"{name}_reduce_kernel"]) + self.maps[f"{name}_reduce_bias"])

    def _gates(self, inputs, states, seen):
        """Returns the gates i, o and, but for the first block, f."""
        which, number = ("first_", 2) if states is None else ("", 3)
        if "scale" not in self.maps:
            return ops.split(ops.sigmoid(self._linear(f"{which}expand", seen)), number, axis=-1)
        # One image is one row, which the maps of the gates, a row each, spread over; more need copies side by side.
        is_one = inputs.shape[0] == 1

        def spread(x, name):
            return x * self.maps[name] if is_one else ops.concatenate([x] * number, axis=-1) * flat(name)

        def flat(name):
            return self.maps[name] if is_one else ops.reshape(self.maps[name], (-1,))

        z = spread(inputs, f"{which}scale") + flat(f"{which}shift")
        if states is not None:
            z = z + spread(states[0], "hidden_scale")
        return ops.split(ops.sigmoid(z), number, axis=0 if is_one else -1)

    def get_config(self):
        return {
            **super().get_config(),
            "output_activation": self.output_activation,
            "shapes": self.shapes,
        }


def fused(cell: keras.layers.Layer) -> tuple[FusedLSTMCell, list[np.ndarray]] | None:
    """Returns the fused form of a cell and its weights, or `None` where there is none."""
    maps = {DIALSTMCell: _dia_lstm, DIALSTMLightCell: _dia_lstm_light, StandardLSTMCell: _standard_lstm}.get(type(cell))
    if maps is None:
        return None
    weights = maps({weight.name: keras.ops.convert_to_numpy(weight).astype("float64") for weight in cell.weights})
    shapes = {name: value.shape for name, value in weights.items()}
    new = FusedLSTMCell(cell.units, cell.output_activation, shapes, dtype=cell.dtype_policy, name=cell.name)
    return new, list(weights.values())


def _dia_lstm(w: Weights) -> Weights:
    bias = w["input_expand_bias"] + w["hidden_expand_bias"]
    both = np.concatenate([w["input_expand_kernel"], w["hidden_expand_kernel"]])
    first_bias = bias + _of_zero_state(w)
    return {**_reducing(w), **_linear_gates(w["input_expand_kernel"], first_bias, both, bias)}


def _standard_lstm(w: Weights) -> Weights:
    bias = w["input_bias"] + w["hidden_bias"]
    return _linear_gates(w["input_kernel"], bias, np.concatenate([w["input_kernel"], w["hidden_kernel"]]), bias)


def _dia_lstm_light(w: Weights) -> Weights:
    """The rows of the IE maps are i, f, o."""
    shift = w["input_shift"] + w["hidden_shift"]
    first, all_gates = [0, 2], [0, 2, 1]
    return {
        **_reducing(w),
        "first_candidate": w["input_expand_kernel"],
        "first_candidate_bias": w["candidate_bias"] + _of_zero_state(w),
        "candidate": np.concatenate([w["input_expand_kernel"], w["hidden_expand_kernel"]]),
        "candidate_bias": w["candidate_bias"],
        "first_scale": w["input_scale"][first],
        "first_shift": shift[first],
        "scale": w["input_scale"][all_gates],
        "shift": shift[all_gates],
        "hidden_scale": w["hidden_scale"][all_gates],
    }


def _reducing(w: Weights) -> Weights:
    return {name: values for name, values in w.items() if "_reduce_" in name}


def _of_zero_state(w: Weights) -> np.ndarray:
    """Returns what the hidden path, without its last bias, makes of the zero state."""
    return np.maximum(w["hidden_reduce_bias"], 0) @ w["hidden_expand_kernel"]


def _linear_gates(first_kernel, first_bias, kernel, bias) -> Weights:
    """Returns the matrices and biases of all gates, whose columns are i, f, g, o, by gates."""
    weights = {}
    for which, gates in (("first_", "io"), ("", "iof")):
        matrices = (first_kernel, first_bias) if which else (kernel, bias)
        for values, suffix in zip(matrices, ("", "_bias"), strict=True):
            columns = dict(zip("ifgo", np.split(values, 4, axis=-1), strict=True))
            weights[f"{which}expand{suffix}"] = np.concatenate([columns[gate] for gate in gates], axis=-1)
            weights[f"{which}candidate{suffix}"] = columns["g"]
    return weights
