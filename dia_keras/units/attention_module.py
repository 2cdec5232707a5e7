"""What the modules without a state have in common."""

import keras
from keras import ops

from .image_axes import image_axes


class AttentionModule(keras.layers.Layer):
    """A layer that recalibrates features by an attention map of them: x' = x * attention(x).

    Subclasses compute the map. Called by one block it is the block's own; called by all blocks of a stage it is the
    paper's DIA unit with this module (Eq. 2).

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.
    """

    def __init__(self, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.data_format, self.channel_axis, self.spatial_axes = image_axes(data_format)

    def attention(self, inputs):
        """Returns the attention map, which broadcasts to the shape of `inputs`."""
        raise NotImplementedError

    def call(self, inputs):
        return inputs * self.attention(inputs)

    def pool(self, inputs):
        """Returns the global average pooling, `(batch, N)`."""
        return ops.mean(inputs, axis=self.spatial_axes)

    def over_space(self, values):
        """Returns values of shape `(batch, N)` as they broadcast to the features."""
        return ops.expand_dims(values, self.spatial_axes)

    def add_part(self, name: str, layer: keras.layers.Layer, width: int) -> None:
        """Gives the module a layer on `(batch, width)`, built, as the attribute `name`."""
        setattr(self, name, layer)
        layer.build((None, width))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}
