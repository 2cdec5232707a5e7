"""Convolutional block attention module."""

import keras
from keras import ops

from ...arguments import boolean, odd_integer, positive_integer
from ..attention_module import AttentionModule
from ..initializers import conv_kernel
from .channel_maps import ChannelMLP


@keras.saving.register_keras_serializable(package="dia_keras")
class CBAM(AttentionModule):
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

    key = "cbam"
    title = "Convolutional block attention module"
    formula = "2 N²/r + N/r + N + 98 (r: ratio = 16)"
    paper = "https://arxiv.org/abs/1807.06521"

    def __init__(
        self,
        ratio: int = 16,
        kernel_size: int = 7,
        use_bias: bool = True,
        data_format: str | None = None,
        bias_initializer=None,
        **kwargs,
    ):
        super().__init__(data_format, **kwargs)
        self.ratio = positive_integer("ratio", ratio)
        self.kernel_size = odd_integer("kernel_size", kernel_size)
        self.use_bias = boolean("use_bias", use_bias)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        channels = input_shape[self.channel_axis]
        hidden = max(1, channels // self.ratio)
        self.mlp = ChannelMLP(
            hidden, channels, self.use_bias, self.bias_initializer, **self.sublayer_kwargs, name="mlp"
        )
        self.mlp.build((None, channels))
        self.kernel = self.add_weight((self.kernel_size, self.kernel_size, 2, 1), conv_kernel(), name="kernel")
        self.built = True

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
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
