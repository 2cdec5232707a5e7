"""Images of other than three channels: what pretrained networks know of red, green and blue is carried over.

The rules are those of timm (`adapt_input_conv`, https://github.com/huggingface/pytorch-image-models).
"""

import dataclasses
from typing import Any

import keras
import numpy as np

from ..arguments import is_integer
from ..backbones.layers import from_image_shape, to_image_shape
from .cards import Dataset

RGB = 3


def channels_of(input_shape: Any) -> int:
    """Returns the number of channels of an image's shape; 3 where the shape is wrong, which is the backbones' error.

    Raises:
        ValueError: Where the number is not positive.
    """
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) != 3:
        return RGB
    channels = from_image_shape(input_shape)[2]
    if not is_integer(channels):
        return RGB
    if channels < 1:
        raise ValueError(f"`input_shape` must have at least 1 channel. Received: input_shape={input_shape!r}")
    return int(channels)


def with_channels(input_shape, channels: int) -> tuple:
    """Returns an image's shape with another number of channels."""
    height, width, _ = from_image_shape(input_shape)
    return to_image_shape(height, width, channels)


def statistics_for(dataset: Dataset, channels: int) -> Dataset:
    """Returns a data set with the mean and the standard deviation of images with other channels.

    One channel gets the means over red, green and blue. More channels get those of red, green and blue in turn.
    """
    if channels == len(dataset.mean):
        return dataset
    mean: tuple[float, ...]
    std: tuple[float, ...]
    if channels == 1:
        mean, std = ((float(np.mean(values)),) for values in (dataset.mean, dataset.std))
    else:
        mean, std = (tuple(values[i % RGB] for i in range(channels)) for values in (dataset.mean, dataset.std))
    return dataclasses.replace(dataset, mean=mean, std=std)


def kernel_for(kernel: np.ndarray, channels: int, dataset: Dataset) -> np.ndarray:
    """Returns the kernel of a first convolution for other channels.

    For one channel it is the sum over red, green and blue, each in units of its own standard deviation. For more, those
    take turns, times 3 / channels, so that the features keep their size.

    Args:
        kernel: `(height, width, 3, filters)`.
        channels: Number of channels.
        dataset: The data set whose images the kernel is for.
    """
    if channels == 1:
        ratios = statistics_for(dataset, 1).std[0] / np.array(dataset.std, "float32")
        return (kernel * ratios[:, None]).sum(axis=2, keepdims=True)
    return kernel[:, :, np.arange(channels) % RGB] * np.float32(RGB / channels)


def carry_over(rgb: keras.Model, model: keras.Model, channels: int, dataset: Dataset) -> None:
    """Sets the weights of a network for other channels from those of the same network for RGB images."""
    for old, new in zip(rgb.weights, model.weights, strict=True):
        value = keras.ops.convert_to_numpy(old)
        new.assign(value if value.shape == tuple(new.shape) else kernel_for(value, channels, dataset))
    norm = next((layer for layer in model.layers if layer.name == "stem_bn"), None)
    if channels == 1 and norm is not None:
        # One mean for three moves every feature by a constant, which the norm behind the convolution takes away.
        kernel = keras.ops.convert_to_numpy(rgb.get_layer("stem_conv").kernel)
        shift = (statistics_for(dataset, 1).mean[0] - np.array(dataset.mean)) / np.array(dataset.std)
        moved = keras.ops.convert_to_numpy(norm.moving_mean) - (kernel * shift[:, None]).sum(axis=(0, 1, 2))
        norm.moving_mean.assign(moved.astype("float32"))
