"""Anchors: the boxes that a detector starts from, a few at every place of the pyramid."""

import math
from collections.abc import Sequence

import numpy as np


def level_shape(image_size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Returns height and width of the pyramid's level of a stride."""
    return math.ceil(image_size[0] / stride), math.ceil(image_size[1] / stride)


def make_anchors(
    image_size: tuple[int, int],
    strides: Sequence[int],
    scale: float,
    octaves: Sequence[float] = (1.0,),
    ratios: Sequence[float] = (0.5, 1.0, 2.0),
) -> list[np.ndarray]:
    """Returns the anchors of every level of a pyramid.

    An anchor of size s and ratio r is s / sqrt(r) wide and s * sqrt(r) high, so that all ratios have the area s^2. Its
    center is that of its place, half a stride from the edge of the first one.

    Args:
        image_size: Height and width of the network's input in pixels.
        strides: Stride of every level in pixels.
        scale: Size of an anchor in strides of its level.
        octaves: Factors of the size, each of which makes an anchor a ratio.
        ratios: Heights over widths.

    Returns:
        A float32 array `(height * width * anchors a place, 4)` for each level, as `(x1, y1, x2, y2)`: row by row of
        places, octaves before ratios within one.
    """
    levels = []
    for stride in strides:
        height, width = level_shape(image_size, stride)
        x, y = np.meshgrid((np.arange(width) + 0.5) * stride, (np.arange(height) + 0.5) * stride)
        centers = np.stack([x, y], axis=-1)[:, :, None]
        sizes = [(scale * stride * octave, ratio) for octave in octaves for ratio in ratios]
        sides = np.array([(size / math.sqrt(ratio), size * math.sqrt(ratio)) for size, ratio in sizes])
        boxes = np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1)
        levels.append(boxes.reshape(-1, 4).astype(np.float32))
    return levels
