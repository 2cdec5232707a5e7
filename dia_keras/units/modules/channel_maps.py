"""Maps of channel vectors, `(batch, N)` to `(batch, N)`, of which the modules are made."""

import keras
from keras import ops

from ..initializers import linear_bias, linear_kernel


class ChannelMLP(keras.layers.Layer):
    """W2 ReLU(W1 y): 2 N * hidden parameters where input and output are N wide, and hidden + N more with biases.

    Args:
        hidden: Width of the hidden layer.
        units: Width of the output, N.
        use_bias: Whether the two linear maps have biases.
        bias_initializer: Initial biases. Default: uniform in +-1/sqrt(fan_in).
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, hidden: int, units: int, use_bias: bool = True, bias_initializer=None, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.units, self.use_bias = hidden, units, use_bias
        self.bias_initializer = bias_initializer

    def build(self, input_shape):
        self.squeeze = self._dense(self.hidden, "relu", input_shape[-1], "squeeze")
        self.excite = self._dense(self.units, None, self.hidden, "excite")
        self.built = True

    def _dense(self, units, activation, fan_in, name):
        dense = keras.layers.Dense(
            units,
            activation,
            self.use_bias,
            kernel_initializer=linear_kernel(),
            bias_initializer=self.bias_initializer or linear_bias(fan_in),
            dtype=self.dtype_policy,
            trainable=self.trainable,
            name=name,
        )
        dense.build((None, fan_in))
        return dense

    def call(self, inputs):
        return self.excite(self.squeeze(inputs))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class ChannelConv(keras.layers.Layer):
    """Convolution over the channels, one kernel for all, zero-padded: `kernel_size` parameters.

    Args:
        kernel_size: Odd integer.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, kernel_size: int, **kwargs):
        super().__init__(**kwargs)
        self.kernel_size = kernel_size

    def build(self, input_shape):
        self.kernel = self.add_weight((self.kernel_size, 1, 1), linear_kernel(), name="kernel")
        self.built = True

    def call(self, inputs):
        convolved = ops.conv(ops.expand_dims(inputs, -1), self.kernel, padding="same", data_format="channels_last")
        return ops.squeeze(convolved, -1)

    def compute_output_shape(self, input_shape):
        return input_shape


class ChannelAffine(keras.layers.Layer):
    """IE(y) = w * y + b, with a scale and a shift for every channel (Eq. 5): 2 N parameters.

    Args:
        shift: Initial value of b; w starts at zero.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, shift: float = -1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial_shift = shift

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "zeros", name="scale")
        start = keras.initializers.Constant(self.initial_shift)
        self.shift = self.add_weight((input_shape[-1],), start, name="shift")
        self.built = True

    def call(self, inputs):
        return self.scale * inputs + self.shift

    def compute_output_shape(self, input_shape):
        return input_shape
