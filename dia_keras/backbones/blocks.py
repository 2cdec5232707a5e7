"""Residual blocks, post-activation and pre-activation.

A block takes `(x, states)` and returns `(x, states)`: features, and the state that the stage's attention
carries. `branch` functions end just before the attention, which is such a function itself.
"""

from collections.abc import Callable
from typing import Any, Literal

import keras

from .layers import channel_axis, conv, norm, relu

Branch = Callable[..., Any]
Projection = Literal["raw", "activated"]


def basic_branch(x, filters: int, stride: int, name: str, normalize: bool = True):
    """3x3 - 3x3, with batch norm after each."""
    x = conv(x, filters, 3, stride, name=f"{name}_conv1")
    x = norm(x, name=f"{name}_bn1") if normalize else x
    x = relu(x, name=f"{name}_relu1")
    x = conv(x, filters, 3, name=f"{name}_conv2")
    return norm(x, name=f"{name}_bn2") if normalize else x


def bottleneck_branch(
    x,
    filters: int,
    stride: int,
    name: str,
    normalize: bool = True,
    width: float = 0.25,
    groups: int = 1,
    stride_in_1x1: bool = False,
):
    """1x1 - 3x3 (`groups`) - 1x1, with batch norm after each; the inner two have `width * filters` filters.

    The stride is that of the 3x3 convolution, or of the first 1x1.
    """
    inner = round(width * filters)
    first, second = (stride, 1) if stride_in_1x1 else (1, stride)
    x = conv(x, inner, 1, first, name=f"{name}_conv1")
    x = norm(x, name=f"{name}_bn1") if normalize else x
    x = relu(x, name=f"{name}_relu1")
    x = conv(x, inner, 3, second, groups, name=f"{name}_conv2")
    x = norm(x, name=f"{name}_bn2") if normalize else x
    x = relu(x, name=f"{name}_relu2")
    x = conv(x, filters, 1, name=f"{name}_conv3")
    return norm(x, name=f"{name}_bn3") if normalize else x


def post_activation_block(
    x, states, filters, stride, attention, name, output_name, *, branch: Branch, skip: bool = True
):
    """ReLU(shortcut(x) + attention(branch(x))); the shortcut is projected where shapes differ."""
    shortcut = x
    if skip and (stride > 1 or x.shape[channel_axis()] != filters):
        shortcut = conv(x, filters, 1, stride, name=f"{name}_shortcut_conv")
        shortcut = norm(shortcut, name=f"{name}_shortcut_bn")
    x = branch(x, filters, stride, name)
    x, states = attention(x, states)
    if skip:
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return relu(x, name=output_name), states


def pre_basic_branch(x, filters: int, stride: int, name: str, dropout: float = 0.0):
    """3x3 - BN - ReLU - dropout - 3x3, on pre-activated features."""
    x = conv(x, filters, 3, stride, name=f"{name}_conv1")
    x = relu(norm(x, name=f"{name}_bn2"), name=f"{name}_relu2")
    if dropout:
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return conv(x, filters, 3, name=f"{name}_conv2")


def pre_bottleneck_branch(x, filters: int, stride: int, name: str):
    """1x1 - BN - ReLU - 3x3 - BN - ReLU - 1x1, on pre-activated features."""
    x = conv(x, filters // 4, 1, name=f"{name}_conv1")
    x = relu(norm(x, name=f"{name}_bn2"), name=f"{name}_relu2")
    x = conv(x, filters // 4, 3, stride, name=f"{name}_conv2")
    x = relu(norm(x, name=f"{name}_bn3"), name=f"{name}_relu3")
    return conv(x, filters, 1, name=f"{name}_conv3")


def pre_activation_block(
    x,
    states,
    filters,
    stride,
    attention,
    name,
    output_name,
    *,
    branch: Branch,
    skip: bool = True,
    projection: Projection = "activated",
):
    """shortcut + attention(branch(ReLU(BN(x)))); the shortcut is projected where shapes differ.

    A `"raw"` projection starts from x, an `"activated"` one from ReLU(BN(x)), as the branch does.
    """
    activated = relu(norm(x, name=f"{name}_bn1"), name=f"{name}_relu1")
    shortcut = x
    if skip and (stride > 1 or x.shape[channel_axis()] != filters):
        shortcut = conv(x if projection == "raw" else activated, filters, 1, stride, name=f"{name}_shortcut_conv")
    x = branch(activated, filters, stride, name)
    x, states = attention(x, states)
    x = keras.layers.Add(name=output_name)([shortcut, x]) if skip else keras.layers.Identity(name=output_name)(x)
    return x, states
