"""What layers on feature maps have in common."""

import keras
from keras import ops

from .image_axes import image_axes


class FeatureLayer(keras.layers.Layer):
    """A layer that takes features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.data_format, self.channel_axis, self.spatial_axes = image_axes(data_format)

    def pool(self, inputs):
        """Returns the global average pooling, `(batch, N)`."""
        return ops.mean(inputs, axis=self.spatial_axes)

    def over_space(self, values):
        """Returns values of shape `(batch, N)` as they broadcast to the features."""
        return ops.expand_dims(values, self.spatial_axes)

    def add_part(self, name: str, layer: keras.layers.Layer, width: int) -> None:
        """Gives this layer a layer on `(batch, width)`, built, as the attribute `name`."""
        setattr(self, name, layer)
        layer.build((None, width))

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}
