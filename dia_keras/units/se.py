"""Squeeze-and-excitation."""

import keras
from keras import ops

from .image_axes import image_axes
from .initializers import linear_bias, linear_kernel


@keras.saving.register_keras_serializable(package="dia_keras")
class SE(keras.layers.Layer):
    """Squeeze-and-excitation: x' = x * sigmoid(W2 ReLU(W1 GAP(x))).

    2 N^2/ratio parameters, and N/ratio + N more with biases. Source: Hu et al., "Squeeze-and-Excitation
    Networks", https://arxiv.org/abs/1709.01507.

    Args:
        ratio: Integer, reduction of the hidden layer, which has max(1, N // ratio) units.
        use_bias: Whether the two linear maps have biases.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        bias_initializer: Initial biases. Default: uniform in +-1/sqrt(fan_in).
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.
    """

    def __init__(
        self,
        ratio: int = 16,
        use_bias: bool = True,
        data_format: str | None = None,
        bias_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(ratio, int) or ratio < 1:
            raise ValueError(f"`ratio` must be a positive integer. Received: ratio={ratio!r}")
        self.ratio = ratio
        self.use_bias = use_bias
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.data_format, self.channel_axis, self.spatial_axes = image_axes(data_format)

    def build(self, input_shape):
        channels = input_shape[self.channel_axis]
        hidden = max(1, channels // self.ratio)
        self.squeeze = self._dense(hidden, "relu", channels, "squeeze")
        self.excite = self._dense(channels, "sigmoid", hidden, "excite")
        self.squeeze.build((input_shape[0], channels))
        self.excite.build((input_shape[0], hidden))
        self.built = True

    def _dense(self, units, activation, fan_in, name):
        return keras.layers.Dense(
            units,
            activation,
            self.use_bias,
            kernel_initializer=linear_kernel(),
            bias_initializer=self.bias_initializer or linear_bias(fan_in),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs):
        attention = self.excite(self.squeeze(ops.mean(inputs, axis=self.spatial_axes)))
        return inputs * ops.expand_dims(attention, self.spatial_axes)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "use_bias": self.use_bias,
            "data_format": self.data_format,
            "bias_initializer": keras.initializers.serialize(self.bias_initializer) if self.bias_initializer else None,
        }
