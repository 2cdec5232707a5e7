"""Base classes of the LSTM-like cells of DIA units."""

import keras
from keras import ops

from ...arguments import positive_integer
from ..initializers import linear_bias, linear_kernel
from ..unit import Unit

DIA_PAPER = "https://arxiv.org/abs/2210.16101"
OUTPUT_ACTIVATIONS = ("sigmoid", "tanh", "relu")


class TwoStateCell(keras.layers.Layer):
    """A cell of Keras' RNN-cell protocol whose input, output and two states, `[h, c]`, are all `units` wide.

    Args:
        units: Integer, N.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.state_size = [self.units, self.units]
        self.output_size = self.units

    def compute_output_spec(self, inputs, states=None, training=False):
        def spec():
            return keras.KerasTensor(inputs.shape, self.compute_dtype)

        return spec(), [spec(), spec()]

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, n), self.compute_dtype) for n in self.state_size]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class LSTMCellBase(Unit, TwoStateCell):
    """A cell with a hidden and a cell state, both of `units` numbers.

    Subclasses compute the four gates' pre-activations in `gates`; this class does the rest:

        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * output_activation(c')

    It follows Keras' RNN-cell protocol, so `keras.layers.RNN` drives it too.

    Args:
        units: Integer, N: width of input, output and both states.
        output_activation: `"sigmoid"`, `"tanh"` or `"relu"` (Table 12 of the paper).
        bias_initializer: Initial biases of the linear maps. Default: uniform in +-1/sqrt(fan_in).
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Tensor of shape `(batch, units)`.
        states: `[h, c]`, two tensors of shape `(batch, units)`, or `None` for the zero state, which
            lets compilers fold the hidden path into constants.

    Returns:
        `(h', [h', c'])`, all of shape `(batch, units)`.

    Raises:
        ValueError: On an unknown activation, or inputs whose width is not `units`.
    """

    def __init__(self, units: int, output_activation: str = "sigmoid", bias_initializer=None, **kwargs):
        super().__init__(units, **kwargs)
        if output_activation not in OUTPUT_ACTIVATIONS:
            raise ValueError(
                f"`output_activation` must be one of {OUTPUT_ACTIVATIONS}. "
                f"Received: output_activation={output_activation!r}"
            )
        self.output_activation = output_activation
        self.bias_initializer = keras.initializers.get(bias_initializer)

    @classmethod
    def for_channels(cls, channels: int, **settings):
        """Returns the cell for features of `channels` channels."""
        return cls(channels, **settings)

    def build(self, input_shape):
        if input_shape[-1] != self.units:
            raise ValueError(
                f"`{type(self).__name__}(units={self.units})` takes inputs of width {self.units}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.add_gate_weights()
        self.built = True

    def add_gate_weights(self) -> None:
        """Creates the weights that `gates` uses."""
        raise NotImplementedError

    def gates(self, inputs, hidden, training):
        """Returns the pre-activations of i, f, g, o, each `(batch, units)`; `hidden` may be `None`."""
        raise NotImplementedError

    def call(self, inputs, states=None, training=False):
        hidden, cell = (None, None) if states is None else states
        i, f, g, o = self.gates(inputs, hidden, training)
        new = ops.sigmoid(i) * ops.tanh(g)
        cell = new if cell is None else ops.sigmoid(f) * cell + new
        activation = keras.activations.get(self.output_activation)
        hidden = ops.sigmoid(o) * activation(cell)
        return hidden, [hidden, cell]

    def get_config(self):
        return {
            **super().get_config(),
            "output_activation": self.output_activation,
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }

    def add_linear(self, name: str, fan_in: int, fan_out: int):
        """Returns kernel `(fan_in, fan_out)` and bias `(fan_out,)` of a linear map."""
        kernel = self.add_weight((fan_in, fan_out), linear_kernel(), name=f"{name}_kernel")
        return kernel, self.add_weight((fan_out,), self.bias_initializer or linear_bias(fan_in), name=f"{name}_bias")
