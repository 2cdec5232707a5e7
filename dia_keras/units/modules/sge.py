"""Spatial group-wise enhancement."""

import math

import keras
from keras import ops

from ...arguments import boolean, positive_integer
from ..attention_module import AttentionModule

EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="dia_keras")
class SGE(AttentionModule):
    """Spatial group-wise enhancement: pixels count by how much they resemble the average of their group of channels.

        t = <x, GAP(x)> in each group,    z = (t - mean t) / (std t + 1e-5) over the pixels,
        x' = x * sigmoid(w z + b)

    2 groups parameters. Source: Li et al., "Spatial Group-wise Enhance", https://arxiv.org/abs/1905.09646.

    Args:
        groups: Integer, the number of groups, which divides N.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        unbiased: Whether the standard deviation over n pixels divides by n - 1, as in the authors' code, or by n.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.

    Raises:
        ValueError: On an argument out of range, or where `groups` does not divide N.
    """

    key = "sge"
    title = "Spatial group-wise enhancement"
    formula = "2 G (G: groups = 64)"
    paper = "https://arxiv.org/abs/1905.09646"

    def __init__(self, groups: int = 64, data_format: str | None = None, unbiased: bool = True, **kwargs):
        super().__init__(data_format, **kwargs)
        self.groups = positive_integer("groups", groups)
        self.unbiased = boolean("unbiased", unbiased)

    @classmethod
    def for_channels(cls, channels: int, groups: int | None = None, **settings):
        """Returns a module of 64 groups by default, and of fewer where 64 do not divide the channels."""
        return cls(math.gcd(64, channels) if groups is None else groups, **settings)

    def build(self, input_shape):
        channels = input_shape[self.channel_axis]
        if channels % self.groups:
            raise ValueError(
                f"`groups` must divide the number of channels, {channels}. Received: groups={self.groups!r}"
            )
        self.weight = self.add_weight((self.groups,), "zeros", name="weight")
        self.bias = self.add_weight((self.groups,), "ones", name="bias")
        self.built = True

    def call(self, inputs):
        shape = ops.shape(inputs)
        channels = inputs.shape[self.channel_axis]
        group = (self.groups, channels // self.groups)
        # Features as (batch, height, width, groups, channels of a group), or channels first.
        last = self.data_format == "channels_last"
        features = ops.reshape(inputs, (-1, *shape[1:3], *group) if last else (-1, *group, *shape[2:4]))
        space = (1, 2) if last else (3, 4)
        # In float32: half precision has no squares as small or as large as may be needed.
        likeness = ops.sum(features * ops.mean(features, space, keepdims=True), -1 if last else 2, keepdims=True)
        likeness = ops.cast(likeness, "float32")
        centered = likeness - ops.mean(likeness, space, keepdims=True)
        variance = ops.mean(ops.square(centered), space, keepdims=True)
        # Something below the square root keeps the gradient finite where all pixels are alike.
        if self.unbiased:
            deviation = ops.sqrt(variance * self.bessel_correction(inputs) + 1e-20) + EPSILON
        else:
            deviation = ops.sqrt(variance + EPSILON**2)
        z = ops.cast(centered / deviation, self.compute_dtype)
        scale = (self.groups, 1) if last else (self.groups, 1, 1, 1)
        attention = ops.sigmoid(z * ops.reshape(self.weight, scale) + ops.reshape(self.bias, scale))
        return ops.reshape(features * attention, shape)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "unbiased": self.unbiased}

    @classmethod
    def from_config(cls, config):
        # Models saved before there was this argument are biased.
        return super().from_config({"unbiased": False, **config})
