"""Stacked cells (Table 12)."""

import keras


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
