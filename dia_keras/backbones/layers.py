"""The layers that all backbones are made of, with the authors' settings."""

from collections.abc import Sequence
from typing import Any

import keras

from ..units.attention_module import image_axes
from ..units.initializers import conv_kernel
from .grouped_conv import GroupedConv2D


def channel_axis() -> int:
    """Returns the axis of the channels in Keras' image data format."""
    return image_axes()[1]


def to_image_shape(height, width, channels) -> tuple[Any, Any, Any]:
    """Returns the shape of an image, without the batch, in Keras' image data format. A size may be `None`."""
    return (height, width, channels) if channel_axis() == -1 else (channels, height, width)


def from_image_shape(shape: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Returns height, width and channels of the shape of an image, without the batch, in Keras' image data format."""
    first, second, third = shape
    return (first, second, third) if channel_axis() == -1 else (second, third, first)


def conv(x, filters: int, kernel_size: int, stride: int = 1, groups: int = 1, *, name: str):
    """Convolution without bias. A strided one is padded alike on all sides, as the authors' framework does."""
    padding = "same"
    if stride > 1 and kernel_size > 1:
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
        padding = "valid"
    layer = keras.layers.Conv2D if groups == 1 else GroupedConv2D
    return layer(
        filters,
        kernel_size,
        stride,
        padding,
        groups=groups,
        use_bias=False,
        kernel_initializer=conv_kernel(),
        name=name,
    )(x)


def norm(x, *, name: str):
    """Batch normalization, epsilon 1e-5, momentum 0.9. Its moving variance is Keras', which is biased."""
    return keras.layers.BatchNormalization(channel_axis(), momentum=0.9, epsilon=1e-5, name=name)(x)


def relu(x, *, name: str):
    return keras.layers.ReLU(name=name)(x)
