"""Spatial pyramid attention."""

import keras
from keras import ops

from ...arguments import positive_integer
from ..attention_module import AttentionModule
from .channel_maps import ChannelMLP

PYRAMID = (1, 2, 4)
BINS = sum(side * side for side in PYRAMID)


@keras.saving.register_keras_serializable(package="dia_keras")
class SPA(AttentionModule):
    """Spatial pyramid attention: x' = x * sigmoid(W2 ReLU(W1 p)), p the averages over 1, 2 x 2 and 4 x 4 parts of x.

    22 N^2/ratio parameters, no biases. Source: Guo et al., "SPANet: Spatial Pyramid Attention Network for Enhanced
    Image Recognition", https://doi.org/10.1109/ICME46284.2020.9102906.

    Args:
        ratio: Integer, reduction of the hidden layer, which has max(1, N // ratio) units.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first, of known height
            and width.

    Returns:
        The recalibrated features, of the shape of `inputs`.

    Raises:
        ValueError: On an argument out of range, or features of unknown height or width.
    """

    key = "spa"
    title = "Spatial pyramid attention"
    formula = "22 N²/r (r: ratio = 16)"
    paper = "https://doi.org/10.1109/ICME46284.2020.9102906"

    def __init__(self, ratio: int = 16, data_format: str | None = None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.ratio = positive_integer("ratio", ratio)

    def build(self, input_shape):
        if any(input_shape[axis] is None for axis in self.spatial_axes):
            raise ValueError(
                "`SPA` divides images into parts, and needs features of known height and width. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        channels = input_shape[self.channel_axis]
        hidden = max(1, channels // self.ratio)
        self.mlp = ChannelMLP(hidden, channels, use_bias=False, **self.sublayer_kwargs, name="mlp")
        self.mlp.build((None, BINS * channels))
        self.built = True

    def attention(self, inputs):
        pooled = ops.concatenate([self._averages(inputs, side) for side in PYRAMID], axis=-1)
        return self.over_space(ops.sigmoid(self.mlp(pooled)))

    def _averages(self, inputs, side: int):
        """Returns the averages over side x side parts, `(batch, side^2 N)`, the pixels of a channel together."""
        if side == 1:
            return self.pool(inputs)
        size = [inputs.shape[axis] for axis in self.spatial_axes]
        if any(length % side for length in size):
            parts = ops.adaptive_average_pool(inputs, side, self.data_format)
        else:
            window = tuple(length // side for length in size)
            parts = ops.average_pool(inputs, window, window, data_format=self.data_format)
        if self.data_format == "channels_last":
            parts = ops.transpose(parts, (0, 3, 1, 2))
        return ops.reshape(parts, (-1, side * side * inputs.shape[self.channel_axis]))

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}
