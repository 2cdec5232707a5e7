"""Keras' RNN-cell protocol for cells with a hidden and a cell state."""

import keras
from keras import ops


class TwoStateCell(keras.layers.Layer):
    """A cell whose input, output and two states, `[h, c]`, are all `units` wide.

    Args:
        units: Integer, N.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"`units` must be a positive integer. Received: units={units!r}")
        self.units = units
        self.state_size = [units, units]
        self.output_size = units

    def compute_output_spec(self, inputs, states=None, training=False):
        def spec():
            return keras.KerasTensor(inputs.shape, self.compute_dtype)

        return spec(), [spec(), spec()]

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, n), self.compute_dtype) for n in self.state_size]

    def get_config(self):
        return {**super().get_config(), "units": self.units}
