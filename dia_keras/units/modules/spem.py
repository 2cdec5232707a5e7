"""Self-adaptive pooling enhanced attention module."""

import math

import keras
from keras import ops

from ...arguments import is_number
from ..attention_module import AttentionModule
from .channel_maps import ChannelAffine


@keras.saving.register_keras_serializable(package="dia_keras")
class SPEM(AttentionModule):
    """Self-adaptive pooling: the largest and the smallest value of every channel, mixed by learned weights.

        M = IE2(max x),    m = IE2(min x),    q = p^2 / sum p^2
        x' = x * sigmoid(M + m) * sigmoid(IE1(q1 M + q2 m))

    4 N + 2 parameters. It adds `penalty * sum p^2` to `model.losses`, which are part of the loss that `fit` and
    `evaluate` report; once, however many blocks share it. Source: Zhong et al., "SPEM: Self-adaptive Pooling Enhanced
    Attention Module for Image Recognition", https://arxiv.org/abs/2208.10322.

    Args:
        penalty: Coefficient of the loss of the pooling weights p.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.

    Raises:
        ValueError: On an argument out of range.
    """

    key = "spem"
    title = "Self-adaptive pooling enhanced attention module"
    formula = "4 N + 2"
    paper = "https://arxiv.org/abs/2208.10322"

    def __init__(self, penalty: float = 0.1, data_format: str | None = None, **kwargs):
        super().__init__(data_format, **kwargs)
        if not is_number(penalty) or not 0 <= penalty < math.inf:
            raise ValueError(f"`penalty` must be a finite number, not negative. Received: penalty={penalty!r}")
        self.penalty = penalty

    def build(self, input_shape):
        self.pooled = ChannelAffine(**self.sublayer_kwargs, name="pooled")
        self.mixed = ChannelAffine(**self.sublayer_kwargs, name="mixed")
        for affine in (self.pooled, self.mixed):
            affine.build((None, input_shape[self.channel_axis]))
        # Not by `add_loss`, of which a layer called twice keeps both terms on TensorFlow and the last one on JAX.
        penalty = keras.regularizers.L2(self.penalty)
        start = keras.initializers.Constant(0.5)
        self.pooling = self.add_weight((2,), start, regularizer=penalty, autocast=False, name="pooling")
        self.built = True

    def attention(self, inputs):
        largest = self.pooled(ops.max(inputs, axis=self.spatial_axes))
        smallest = self.pooled(ops.min(inputs, axis=self.spatial_axes))
        # The penalty may make both weights tiny, of which only the ratio counts.
        size = ops.maximum(ops.max(ops.abs(self.pooling)), 1e-30)
        squares = ops.square(self.pooling / size)
        weights = ops.cast(squares / ops.maximum(ops.sum(squares), 1e-30), self.compute_dtype)
        mix = self.mixed(weights[0] * largest + weights[1] * smallest)
        return self.over_space(ops.sigmoid(largest + smallest) * ops.sigmoid(mix))

    def get_config(self):
        return {**super().get_config(), "penalty": self.penalty}
