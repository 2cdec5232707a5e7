"""RoI align (He et al. 2017, Mask R-CNN) on the levels of a pyramid.

A bin is the mean of 2x2 samples, and the coordinate of a place is that of its center, as torchvision's and Detectron2's
`aligned=True` have it. keras-cv 0.9 has a private aligner, of one sample a bin and without the half pixel, so that
features lie half a place off their boxes; on Keras 3 it fails, since it gathers without an axis.
"""

from collections.abc import Sequence

import numpy as np
from keras import ops

from .boxes import areas


def roi_align(
    levels: Sequence, strides: Sequence[int], boxes, size: int = 7, samples: int = 2, canonical: float = 224.0
):
    """Returns the features in boxes, each from the level that its size belongs to.

    A box of w x h pixels belongs to the level of stride 16 * 2^floor(log2(sqrt(w h) / 224)), or the nearest one (Lin
    et al. 2017, FPN, eq. 1).

    Args:
        levels: Feature maps, `(batch, height, width, channels)`, finest first.
        strides: Strides of the levels in pixels, each twice the one before.
        boxes: `(batch, n, 4)` in pixels, within the image.
        size: Bins of a box each way.
        samples: Samples of a bin each way, of which the mean is taken; each is interpolated bilinearly, and outside
            the centers of the outermost places has their value.
        canonical: Side in pixels of the boxes that belong to stride 16.

    Returns:
        Features, `(batch, n, size, size, channels)`.
    """
    levels, boxes = [ops.convert_to_tensor(level) for level in levels], ops.convert_to_tensor(boxes)
    shapes = [(int(level.shape[1]), int(level.shape[2])) for level in levels]
    channels = levels[0].shape[-1]
    counts = [height * width for height, width in shapes]
    flat = ops.concatenate(
        [ops.reshape(level, (-1, count, channels)) for level, count in zip(levels, counts, strict=True)], axis=1
    )
    flat = ops.reshape(flat, (-1, channels))

    side = ops.sqrt(ops.maximum(areas(boxes), 1e-6)) / canonical
    level = ops.floor(np.log2(16 / strides[0]).astype("float32") + ops.log(side) / np.log(2).astype("float32") + 1e-6)
    level = ops.cast(ops.clip(level, 0, len(levels) - 1), "int32")

    def of_level(values, dtype):
        return ops.take(ops.convert_to_tensor(np.array(values, dtype)), level, axis=0)[..., None]

    height = of_level([shape[0] for shape in shapes], "float32")
    width = of_level([shape[1] for shape in shapes], "float32")
    stride = of_level(strides, "float32")
    row_length = of_level([shape[1] for shape in shapes], "int32")[..., None]
    start = of_level(np.cumsum([0, *counts[:-1]]), "int32")[..., None]
    image = ops.arange(ops.shape(boxes)[0], dtype="int32")[:, None, None, None] * sum(counts) + start

    total = 0.0
    for row in range(samples):
        y = _between(boxes[..., 1:2], boxes[..., 3:4], stride, height, size, (row + 0.5) / samples)
        for column in range(samples):
            x = _between(boxes[..., 0:1], boxes[..., 2:3], stride, width, size, (column + 0.5) / samples)
            for y_place, y_weight in y:
                for x_place, x_weight in x:
                    places = image + y_place[..., :, None] * row_length + x_place[..., None, :]
                    weight = y_weight[..., :, None] * x_weight[..., None, :]
                    weight = ops.cast(weight[..., None] / samples**2, flat.dtype)
                    total = total + ops.take(flat, places, axis=0) * weight
    return total


def _between(start, end, stride, length, size: int, offset: float):
    """Returns the two places that a sample of every bin lies between, with its weights for them.

    Args:
        start: First edge of the boxes in pixels, `(batch, n, 1)`.
        end: Last edge.
        stride: Stride of the boxes' levels.
        length: Number of their places this way.
        size: Bins of a box.
        offset: Where in a bin the sample is, 0 to 1.
    """
    bins = ops.convert_to_tensor((np.arange(size) + offset).astype("float32") / size)
    place = (start + (end - start) * bins) / stride - 0.5
    place = ops.minimum(ops.maximum(place, 0.0), length - 1.0)
    low = ops.floor(place)
    high = ops.minimum(low + 1.0, length - 1.0)
    share = place - low
    return (ops.cast(low, "int32"), 1.0 - share), (ops.cast(high, "int32"), share)
