"""DIA-LSTM (Light), the unit with element-wise gates (Fig. 5, right)."""

import keras
from keras import ops

from ..initializers import linear_bias, linear_kernel
from .dia_lstm import DIALSTMCell


@keras.saving.register_keras_serializable(package="dia_keras")
class DIALSTMLightCell(DIALSTMCell):
    """DIA-LSTM whose input, forget and output gates are element-wise maps.

        z_g = E_y ReLU(R_y y + b) + E_h ReLU(R_h h + b) + b_g
        z_k = IE_yk(y) + IE_hk(h) for k = i, f, o,    IE(x) = w * x + b    (Eq. 5)
        c' = sigmoid(z_f) c + sigmoid(z_i) tanh(z_g),    h' = sigmoid(z_o) sigmoid(c')

    R maps N to floor(N/r), E maps back to N. With r = 16 it has N^2/4 + 13.125 N parameters. IE starts
    at w = 0, b = 0, so that attention starts near 0.25, as in DIA-LSTM. Source: section 4.2.2, Eq. 5 and
    Fig. 5 (right) of the paper, which leaves the layout open: this one meets all its parameter counts.

    Args:
        units: Integer, N: width of input, output and both states.
        reduction: Integer r from 1 to N.
        output_activation: `"sigmoid"`, `"tanh"` or `"relu"`.
        **kwargs: `bias_initializer`, see `LSTMCellBase`, and arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of shape `(batch, units)`: the pooled features.
        states: `[h, c]`, two tensors of shape `(batch, units)`, or `None` for the zero state.

    Returns:
        `(h', [h', c'])`, all of shape `(batch, units)`; h' is the attention.

    Raises:
        ValueError: On an argument out of range, or inputs whose width is not `units`.
    """

    key = "dia_lstm_light"
    title = "DIA-LSTM (Light)"
    formula = "4 N²/r + 2 N/r + 13 N (r: reduction = 16)"

    def __init__(self, units: int, reduction: int = 16, output_activation: str = "sigmoid", **kwargs):
        super().__init__(units, reduction, output_activation, **kwargs)

    @classmethod
    def for_channels(cls, channels: int, **settings):  # type: ignore[override]  # it is not stacked
        """Returns the cell for features of `channels` channels."""
        return cls(channels, **settings)

    def add_gate_weights(self):
        n, reduced = self.units, self.units // self.reduction
        self.input_reduce_kernel, self.input_reduce_bias = self.add_linear("input_reduce", n, reduced)
        self.hidden_reduce_kernel, self.hidden_reduce_bias = self.add_linear("hidden_reduce", n, reduced)
        # The candidate gate has one bias, for both expanding maps.
        self.input_expand_kernel = self.add_weight((reduced, n), linear_kernel(), name="input_expand_kernel")
        self.hidden_expand_kernel = self.add_weight((reduced, n), linear_kernel(), name="hidden_expand_kernel")
        self.candidate_bias = self.add_weight(
            (n,), self.bias_initializer or linear_bias(reduced), name="candidate_bias"
        )
        # One row a gate: i, f, o.
        self.input_scale = self.add_weight((3, n), "zeros", name="input_scale")
        self.input_shift = self.add_weight((3, n), "zeros", name="input_shift")
        self.hidden_scale = self.add_weight((3, n), "zeros", name="hidden_scale")
        self.hidden_shift = self.add_weight((3, n), "zeros", name="hidden_shift")

    def gates(self, inputs, hidden, training):
        y, h = self.reduce(inputs, hidden)
        g = ops.matmul(y, self.input_expand_kernel) + ops.matmul(h, self.hidden_expand_kernel) + self.candidate_bias
        z = ops.expand_dims(inputs, 1) * self.input_scale + (self.input_shift + self.hidden_shift)
        if hidden is not None:
            z = z + ops.expand_dims(hidden, 1) * self.hidden_scale
        return z[:, 0], z[:, 1], g, z[:, 2]
