"""Switchable excitation module."""

import math

import keras
from keras import ops

from ...arguments import positive_integer
from ..attention_module import AttentionModule
from ..initializers import linear_bias, linear_kernel
from .channel_maps import ChannelAffine, ChannelConv, ChannelMLP


@keras.saving.register_keras_serializable(package="dia_keras")
class SEM(AttentionModule):
    """Switchable excitation: three excitations of y = GAP(x), each weighted by a switch that y itself sets.

        s = sigmoid(W y + b)
        x' = x * sigmoid(s1 MLP(y)) * sigmoid(s2 conv1d(y)) * sigmoid(s3 IE(y))

    (3 N + 3) + (2 N^2/ratio + N/ratio + N) + k + 2 N parameters; k = floor((log2 N + 1) / 2), one more where that is
    even. Source: Zhong et al., "Switchable Self-attention Module", https://arxiv.org/abs/2209.05680.

    Args:
        ratio: Integer, reduction of the MLP's hidden layer, which has max(1, N // ratio) units.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        bias_initializer: Initial biases of the switches and the MLP. Default: uniform in +-1/sqrt(fan_in).
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.

    Raises:
        ValueError: On an argument out of range.
    """

    key = "sem"
    title = "Switchable excitation module"
    formula = "2 N²/r + N/r + 6 N + k + 3, k = 1 for N < 8, 3 for N < 128, 5 for N < 2048, 7 beyond (r: ratio = 16)"
    paper = "https://arxiv.org/abs/2209.05680"

    def __init__(self, ratio: int = 16, data_format: str | None = None, bias_initializer=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.ratio = positive_integer("ratio", ratio)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        channels = input_shape[self.channel_axis]
        self.switch = keras.layers.Dense(
            3,
            "sigmoid",
            kernel_initializer=linear_kernel(),
            bias_initializer=self.bias_initializer or linear_bias(channels),
            **self.sublayer_kwargs,
            name="switch",
        )
        hidden = max(1, channels // self.ratio)
        self.mlp = ChannelMLP(
            hidden, channels, bias_initializer=self.bias_initializer, **self.sublayer_kwargs, name="mlp"
        )
        self.conv = ChannelConv(kernel_size(channels), **self.sublayer_kwargs, name="conv")
        self.affine = ChannelAffine(**self.sublayer_kwargs, name="affine")
        for part in (self.switch, self.mlp, self.conv, self.affine):
            part.build((None, channels))
        self.built = True

    def attention(self, inputs):
        pooled = self.pool(inputs)
        switches = ops.split(self.switch(pooled), 3, axis=-1)
        excitations = self.mlp(pooled), self.conv(pooled), self.affine(pooled)
        mlp, conv, affine = (ops.sigmoid(s * excitation) for s, excitation in zip(switches, excitations, strict=True))
        return self.over_space(mlp * conv * affine)

    def get_config(self):
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


def kernel_size(channels: int) -> int:
    """Returns the size of the kernel over `channels` channels, odd."""
    size = int((math.log2(channels) + 1) / 2)
    return size if size % 2 else size + 1
