"""Base classes of layers on feature maps, and of the modules without a state."""

from collections.abc import Callable

import keras
from keras import ops

from .unit import Unit


def image_axes(data_format: str | None = None) -> tuple[str, int, tuple[int, int]]:
    """Returns the data format (Keras' own for `None`), the axis of the channels and the two spatial axes."""
    data_format = data_format or keras.config.image_data_format()
    if data_format == "channels_last":
        return data_format, -1, (1, 2)
    if data_format == "channels_first":
        return data_format, 1, (2, 3)
    raise ValueError(
        f"`data_format` must be 'channels_last' or 'channels_first'. Received: data_format={data_format!r}"
    )


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
        """Reshapes values of shape `(batch, N)` so that they broadcast to the features."""
        return ops.expand_dims(values, self.spatial_axes)

    def bessel_correction(self, inputs):
        """Returns Bessel's correction, n / (n - 1), for features of n pixels."""
        height, width = (ops.shape(inputs)[axis] for axis in self.spatial_axes)
        pixels = height * width
        if isinstance(pixels, int):
            return pixels / max(pixels - 1, 1)
        pixels = ops.cast(pixels, "float32")
        return pixels / ops.maximum(pixels - 1, 1)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}

    # `quantize` gives inner dense layers other weights, which a saved model must build before it loads them.

    def get_build_config(self):
        inner = self._flatten_layers(include_self=False)
        quantized = {layer.name: _quantization_of(layer) for layer in inner if layer.quantization_mode}
        return {**(super().get_build_config() or {}), **({"quantized": quantized} if quantized else {})}

    def build_from_config(self, config):
        super().build_from_config(config)
        for layer in self._flatten_layers(include_self=False):
            if quantization := config.get("quantized", {}).get(layer.name):
                _quantize(layer, quantization)


def _quantization_of(layer) -> dict:
    """Returns how a layer was quantized, as JSON has it."""
    config = getattr(layer, "quantization_config", None)
    return {"policy": layer.dtype_policy.name, "config": keras.saving.serialize_keras_object(config)}


def _quantize(layer, quantization: dict) -> None:
    """Quantizes a layer as `_quantization_of` describes another one."""
    if quantization["config"] is None:
        layer.dtype_policy = quantization["policy"]
    else:
        layer.quantize(config=keras.saving.deserialize_keras_object(quantization["config"]))


class AttentionModule(Unit, FeatureLayer):
    """A layer that recalibrates features by an attention map of them: x' = x * attention(x).

    Subclasses define `attention`, or `call` where the map is not one product. Called by one block, a module is the
    block's own; called by all blocks of a stage, it is the paper's DIA unit with this module (Eq. 2).

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.
    """

    @property
    def sublayer_kwargs(self) -> dict:
        """Keyword arguments of the module's sublayers."""
        return {"dtype": self.dtype_policy, "trainable": self.trainable}

    @classmethod
    def for_channels(cls, channels: int, **settings):
        """Returns a module, which finds the number of channels itself when it is built."""
        return cls(**settings)

    def attention(self, inputs):
        """Returns the attention map, which broadcasts to the shape of `inputs`."""
        raise NotImplementedError(f"{type(self).__name__} must define `attention` or `call`")

    def call(self, inputs):
        return inputs * self.attention(inputs)

    def for_block(self, name: str) -> Callable:
        """Returns what the block `name` calls where the blocks of a stage share this module: the module itself.

        A module of which each block must keep something of its own returns another function of the features, made of
        Keras layers: shared ones that belong to the module, and new ones, whose names begin with `name`.
        """
        return self

    def compute_output_shape(self, input_shape):
        return input_shape
