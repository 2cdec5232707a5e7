"""Spatial group-wise enhancement."""

import keras
from keras import ops

from .arguments import check_positive
from .attention_module import AttentionModule

EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="dia_keras")
class SGE(AttentionModule):
    """Spatial group-wise enhancement: pixels count by how much they resemble the average of their group of channels.

        t = <x, GAP(x)> in each group,    z = (t - mean t) / std t over the pixels,    x' = x * sigmoid(w z + b)

    2 groups parameters. Source: Li et al., "Spatial Group-wise Enhance", https://arxiv.org/abs/1905.09646.

    Args:
        groups: Integer, the number of groups, which divides N.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.

    Raises:
        ValueError: On an argument out of range, or where `groups` does not divide N.
    """

    def __init__(self, groups: int = 64, data_format: str | None = None, **kwargs):
        super().__init__(data_format, **kwargs)
        check_positive(groups=groups)
        self.groups = groups

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
        centred = likeness - ops.mean(likeness, space, keepdims=True)
        # Below the square root, so that the gradient is finite where all pixels are alike.
        z = centred / ops.sqrt(ops.mean(ops.square(centred), space, keepdims=True) + EPSILON**2)
        z = ops.cast(z, self.compute_dtype)
        scale = (self.groups, 1) if last else (self.groups, 1, 1, 1)
        attention = ops.sigmoid(z * ops.reshape(self.weight, scale) + ops.reshape(self.bias, scale))
        return ops.reshape(features * attention, shape)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups}
