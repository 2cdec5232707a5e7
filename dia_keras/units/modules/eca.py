"""Efficient channel attention."""

import keras
from keras import ops

from ...arguments import odd_integer
from ..attention_module import AttentionModule
from .channel_maps import ChannelConv


@keras.saving.register_keras_serializable(package="dia_keras")
class ECA(AttentionModule):
    """Efficient channel attention: x' = x * sigmoid(conv1d(GAP(x))), along the channels.

    `kernel_size` parameters. Source: Wang et al., "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural
    Networks", https://arxiv.org/abs/1910.03151.

    Args:
        kernel_size: Odd integer, how many neighboring channels interact.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.

    Raises:
        ValueError: On an argument out of range.
    """

    key = "eca"
    title = "Efficient channel attention"
    formula = "k (k: kernel_size = 5)"
    paper = "https://arxiv.org/abs/1910.03151"

    def __init__(self, kernel_size: int = 5, data_format: str | None = None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.kernel_size = odd_integer("kernel_size", kernel_size)

    def build(self, input_shape):
        self.conv = ChannelConv(self.kernel_size, **self.sublayer_kwargs, name="conv")
        self.conv.build((None, input_shape[self.channel_axis]))
        self.built = True

    def attention(self, inputs):
        return self.over_space(ops.sigmoid(self.conv(self.pool(inputs))))

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}
