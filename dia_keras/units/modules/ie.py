"""Instance enhancement."""

import math

import keras
from keras import ops

from ...arguments import is_number
from ..attention_module import AttentionModule
from .channel_maps import ChannelAffine


@keras.saving.register_keras_serializable(package="dia_keras")
class IE(AttentionModule):
    """Instance enhancement: x' = x * sigmoid(w * GAP(x) + b), every channel by itself (Eq. 5).

    2 N parameters. Source: Liang et al., "Instance Enhancement Batch Normalization", https://arxiv.org/abs/1908.04008.

    Args:
        shift: Initial value of b; w starts at zero.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.

    Raises:
        ValueError: On an argument that is not a number.
    """

    key = "ie"
    title = "Instance enhancement"
    formula = "2 N"
    paper = "https://arxiv.org/abs/1908.04008"

    def __init__(self, shift: float = -1.0, data_format: str | None = None, **kwargs):
        super().__init__(data_format, **kwargs)
        if not is_number(shift) or not math.isfinite(shift):
            raise ValueError(f"`shift` must be a finite number. Received: shift={shift!r}")
        self.shift = shift

    def build(self, input_shape):
        self.affine = ChannelAffine(self.shift, **self.sublayer_kwargs, name="affine")
        self.affine.build((None, input_shape[self.channel_axis]))
        self.built = True

    def attention(self, inputs):
        return self.over_space(ops.sigmoid(self.affine(self.pool(inputs))))

    def get_config(self):
        return {**super().get_config(), "shift": self.shift}
