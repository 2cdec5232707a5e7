"""Stacked cells (Table 12)."""

import keras

from .dia_lstm import DIALSTMCell
from .standard_lstm import StandardLSTMCell


@keras.saving.register_keras_serializable(package="dia_keras")
class StackedCells(keras.layers.StackedRNNCells):
    """`keras.layers.StackedRNNCells` that also takes `states=None` as the zero state of every cell.

    Args:
        cells: List of cells whose own `states` argument takes `None`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of shape `(batch, N)`.
        states: List with each cell's states, or `None`.

    Returns:
        The last cell's output, and the list of each cell's new states.
    """

    def call(self, inputs, states=None, training=False):
        new_states = []
        for cell, cell_states in zip(self.cells, states or [None] * len(self.cells), strict=True):
            inputs, cell_states = cell(inputs, cell_states, training=training)
            new_states.append(cell_states)
        return inputs, new_states


def stacked_dia_lstm(
    units: int,
    cells: int = 1,
    reduction: int = 4,
    output_activation: str = "sigmoid",
    dropout: float = 0.1,
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
        dropout: Float in [0, 1): rate of dropout between cells.
        bias_initializer: Initial biases of the linear maps. Default: uniform in +-1/sqrt(fan_in).
        **kwargs: `dtype` and `trainable` of every cell, see `keras.layers.Layer`.
    """
    if not isinstance(cells, int) or cells < 1:
        raise ValueError(f"`cells` must be a positive integer. Received: cells={cells!r}")
    kwargs["bias_initializer"] = bias_initializer
    first = DIALSTMCell(units, reduction, output_activation, **kwargs)
    if cells == 1:
        return first
    others = [StandardLSTMCell(units, output_activation, dropout, **kwargs) for _ in range(cells - 1)]
    return StackedCells([first, *others])
