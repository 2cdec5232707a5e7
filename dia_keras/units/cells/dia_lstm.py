"""DIA-LSTM, the paper's unit (Fig. 5, middle)."""

import keras
from keras import ops

from ...arguments import is_integer, positive_integer
from .lstm_base import DIA_PAPER, LSTMCellBase
from .stacked import StackedCells
from .standard_lstm import StandardLSTMCell


@keras.saving.register_keras_serializable(package="dia_keras")
class DIALSTMCell(LSTMCellBase):
    """LSTM cell with a reduced input and hidden path and a sigmoid output.

        z = E_y ReLU(R_y y + b) + b  +  E_h ReLU(R_h h + b) + b,    gates i, f, g, o = split(z)
        c' = sigmoid(f) c + sigmoid(i) tanh(g),    h' = sigmoid(o) sigmoid(c')

    R maps N to floor(N/r), E maps floor(N/r) to 4N. With r dividing N it has 10 N^2/r + 2 N/r + 8 N
    parameters. Source: section 4.2.2 and Fig. 5 (middle) of "Layer-wise shared attention network on
    dynamical system perspective"; gate order and initial values are those of the authors' code.

    Args:
        units: Integer, N: width of input, output and both states.
        reduction: Integer r from 1 to N (4 in the paper; Table 10 compares 1, 4, 8 and 16).
        output_activation: `"sigmoid"` (the paper's), `"tanh"` or `"relu"` (Table 12).
        **kwargs: `bias_initializer`, see `LSTMCellBase`, and arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of shape `(batch, units)`: the pooled features.
        states: `[h, c]`, two tensors of shape `(batch, units)`, or `None` for the zero state.

    Returns:
        `(h', [h', c'])`, all of shape `(batch, units)`; h' is the attention.

    Raises:
        ValueError: On an argument out of range, or inputs whose width is not `units`.

    Example:

    >>> cell = DIALSTMCell(64)
    >>> attention, states = cell(np.ones((8, 64), "float32"))
    >>> attention, states = cell(np.ones((8, 64), "float32"), states)
    """

    key = "dia_lstm"
    title = "DIA-LSTM"
    formula = "10 N²/r + 2 N/r + 8 N (r: reduction = 4)"
    paper = DIA_PAPER

    def __init__(self, units: int, reduction: int = 4, output_activation: str = "sigmoid", **kwargs):
        super().__init__(units, output_activation, **kwargs)
        if not is_integer(reduction, 1, units):
            raise ValueError(
                f"`reduction` must be an integer from 1 to units={units}. Received: reduction={reduction!r}"
            )
        self.reduction = int(reduction)

    @classmethod
    def for_channels(cls, channels: int, cells: int = 1, dropout: float | None = None, **settings):
        """Returns the cell, or a stack of cells the first of which it is: see `stacked_dia_lstm`."""
        cells = positive_integer("cells", cells)
        first = cls(channels, **settings)
        if cells == 1:
            if dropout is not None:
                raise ValueError(f"`dropout` is for two cells or more. Received: dropout={dropout!r}, cells=1")
            return first
        dropout = 0.1 if dropout is None else dropout
        shared = {
            "output_activation": first.output_activation,
            "bias_initializer": first.bias_initializer,
            "dtype": first.dtype_policy,
            "trainable": first.trainable,
        }
        others = [StandardLSTMCell(channels, dropout=dropout, **shared) for _ in range(cells - 1)]
        return StackedCells([first, *others], dtype=first.dtype_policy)

    def add_gate_weights(self):
        n, reduced = self.units, self.units // self.reduction
        self.input_reduce_kernel, self.input_reduce_bias = self.add_linear("input_reduce", n, reduced)
        self.input_expand_kernel, self.input_expand_bias = self.add_linear("input_expand", reduced, 4 * n)
        self.hidden_reduce_kernel, self.hidden_reduce_bias = self.add_linear("hidden_reduce", n, reduced)
        self.hidden_expand_kernel, self.hidden_expand_bias = self.add_linear("hidden_expand", reduced, 4 * n)

    def reduce(self, inputs, hidden):
        """Returns ReLU(R_y y + b) and ReLU(R_h h + b); where `hidden` is `None`, the latter has a batch of 1."""
        y = ops.relu(ops.matmul(inputs, self.input_reduce_kernel) + self.input_reduce_bias)
        if hidden is None:
            return y, ops.relu(ops.expand_dims(self.hidden_reduce_bias, 0))
        return y, ops.relu(ops.matmul(hidden, self.hidden_reduce_kernel) + self.hidden_reduce_bias)

    def gates(self, inputs, hidden, training):
        y, h = self.reduce(inputs, hidden)
        z = ops.matmul(y, self.input_expand_kernel) + self.input_expand_bias
        z = z + ops.matmul(h, self.hidden_expand_kernel) + self.hidden_expand_bias
        return ops.split(z, 4, axis=-1)

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


def stacked_dia_lstm(
    units: int,
    cells: int = 1,
    reduction: int = 4,
    output_activation: str = "sigmoid",
    dropout: float | None = None,
    bias_initializer=None,
    **kwargs,
) -> keras.layers.Layer:
    """Returns a DIA-LSTM of `cells` stacked cells (section 6.3, Table 12).

    The first is a `DIALSTMCell`, the others are `StandardLSTMCell`s with input dropout, each with a
    state of its own: every further cell adds 8 N^2 + 8 N parameters.

    Args:
        units: Integer, N: width of input, output and states.
        cells: Integer, number of cells, at least 1.
        reduction: Integer, reduction of the first cell.
        output_activation: `"sigmoid"`, `"tanh"` or `"relu"`, of every cell.
        dropout: Float in [0, 1): dropout rate between cells. Only valid with two or more cells. Default: 0.1.
        bias_initializer: Initial biases of the linear maps. Default: uniform in +-1/sqrt(fan_in).
        **kwargs: `dtype` and `trainable` of every cell, see `keras.layers.Layer`.

    Returns:
        A `DIALSTMCell`, or `StackedCells` of several. Both take inputs of shape `(batch, units)` and return an
        attention of this shape.

    Raises:
        ValueError: On an argument out of range, or a `dropout` for one cell.
    """
    return DIALSTMCell.for_channels(
        units,
        cells,
        dropout,
        reduction=reduction,
        output_activation=output_activation,
        bias_initializer=bias_initializer,
        **kwargs,
    )
