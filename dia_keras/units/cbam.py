"""Convolutional block attention module."""

import keras
from keras import ops

from .arguments import check_odd
from .initializers import conv_kernel
from .mlp_module import MLPModule


@keras.saving.register_keras_serializable(package="dia_keras")
class CBAM(MLPModule):
    """Convolutional block attention: first every channel, then every pixel.

        x1 = x * sigmoid(MLP(GAP(x)) + MLP(GMP(x)))
        x' = x1 * sigmoid(conv([max over channels of x1, mean over channels of x1]))

    2 N^2/ratio + 2 kernel_size^2 parameters, and N/ratio + N more with biases. Source: Woo et al., "CBAM: Convolutional
    Block Attention Module", https://arxiv.org/abs/1807.06521; without its batch norm, as the paper's counts have it.

    Args:
        ratio: Integer, reduction of the MLP's hidden layer, which has max(1, N // ratio) units.
        kernel_size: Odd integer, side of the convolution over the pixels.
        use_bias: Whether the two linear maps of the MLP have biases.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        bias_initializer: Initial biases. Default: uniform in +-1/sqrt(fan_in).
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.

    Raises:
        ValueError: On an argument out of range.
    """

    def __init__(
        self,
        ratio: int = 16,
        kernel_size: int = 7,
        use_bias: bool = True,
        data_format: str | None = None,
        bias_initializer=None,
        **kwargs,
    ):
        super().__init__(ratio, use_bias, data_format, bias_initializer, **kwargs)
        check_odd(kernel_size=kernel_size)
        self.kernel_size = kernel_size

    def build(self, input_shape):
        super().build(input_shape)
        self.kernel = self.add_weight((self.kernel_size, self.kernel_size, 2, 1), conv_kernel(), name="kernel")

    def call(self, inputs):
        features = inputs * self.channel_attention(inputs)
        return features * self.spatial_attention(features)

    def channel_attention(self, inputs):
        """Returns the map of the channels."""
        peak = ops.max(inputs, axis=self.spatial_axes)
        return self.over_space(ops.sigmoid(self.mlp(self.pool(inputs)) + self.mlp(peak)))

    def spatial_attention(self, features):
        """Returns the map of the pixels."""
        axis = self.channel_axis
        # Not `stack`, for which LiteRT's CPU delegate has no op.
        maps = [ops.expand_dims(reduce(features, axis=axis), -1) for reduce in (ops.max, ops.mean)]
        maps = ops.concatenate(maps, axis=-1)
        convolved = ops.conv(maps, self.kernel, padding="same", data_format="channels_last")
        return ops.expand_dims(ops.sigmoid(ops.squeeze(convolved, -1)), axis)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}
