"""The standard LSTM with two biases (Fig. 5, left)."""

import keras
from keras import ops

from ...arguments import is_number
from .lstm_base import DIA_PAPER, LSTMCellBase


@keras.saving.register_keras_serializable(package="dia_keras")
class StandardLSTMCell(LSTMCellBase):
    """LSTM cell with full linear maps N -> 4N of input and hidden state.

        z = W y + b + U h + b,    gates i, f, g, o = split(z)
        c' = sigmoid(f) c + sigmoid(i) tanh(g),    h' = sigmoid(o) tanh(c')

    8 N^2 + 8 N parameters (`keras.layers.LSTMCell` has one bias of 4 N, and is a unit too). Source:
    section 7.2 and Fig. 5 (left) of the paper. Stacked DIA-LSTM uses it for its cells from the second on.

    Args:
        units: Integer, N: width of input, output and both states.
        output_activation: `"tanh"` (the standard), `"sigmoid"` or `"relu"`.
        dropout: Float in [0, 1): rate of dropout on the inputs, in training.
        **kwargs: `bias_initializer`, see `LSTMCellBase`, and arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of shape `(batch, units)`.
        states: `[h, c]`, two tensors of shape `(batch, units)`, or `None` for the zero state.

    Returns:
        `(h', [h', c'])`, all of shape `(batch, units)`.

    Raises:
        ValueError: On an argument out of range, or inputs whose width is not `units`.
    """

    key = "lstm"
    title = "LSTM"
    formula = "8 N² + 8 N"
    paper = DIA_PAPER

    def __init__(self, units: int, output_activation: str = "tanh", dropout: float = 0.0, **kwargs):
        super().__init__(units, output_activation, **kwargs)
        if not is_number(dropout) or not 0 <= dropout < 1:
            raise ValueError(f"`dropout` must be in [0, 1). Received: dropout={dropout!r}")
        self.dropout = dropout
        if dropout:
            self.input_dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def add_gate_weights(self):
        self.input_kernel, self.input_bias = self.add_linear("input", self.units, 4 * self.units)
        self.hidden_kernel, self.hidden_bias = self.add_linear("hidden", self.units, 4 * self.units)

    def gates(self, inputs, hidden, training):
        if self.dropout:
            inputs = self.input_dropout(inputs, training=training)
        z = ops.matmul(inputs, self.input_kernel) + self.input_bias + self.hidden_bias
        if hidden is not None:
            z = z + ops.matmul(hidden, self.hidden_kernel)
        return ops.split(z, 4, axis=-1)

    def get_config(self):
        return {**super().get_config(), "dropout": self.dropout}
