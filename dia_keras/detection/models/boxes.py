"""Arithmetic of boxes: `(x1, y1, x2, y2)` in pixels of the network's input, float32 `(..., 4)`."""

import math

from keras import ops

#: Most that a side may grow when a box is decoded, as in Detectron: 1000 / 16.
MAX_LOG_SCALE = math.log(1000 / 16)


def areas(boxes):
    """Returns the areas of boxes `(..., 4)`, in square pixels `(...)`; 0 for inverted ones."""
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]


def intersection_areas(first, second):
    """Returns the areas that boxes `(..., n, 4)` share with boxes `(..., m, 4)`, `(..., n, m)`."""
    first, second = first[..., :, None, :], second[..., None, :, :]
    starts = ops.maximum(first[..., :2], second[..., :2])
    sides = ops.maximum(ops.minimum(first[..., 2:], second[..., 2:]) - starts, 0.0)
    return sides[..., 0] * sides[..., 1]


def pairwise_iou(first, second):
    """Returns the intersection over union of boxes `(..., n, 4)` with boxes `(..., m, 4)`, `(..., n, m)`."""
    shared = intersection_areas(first, second)
    union = areas(first)[..., :, None] + areas(second)[..., None, :] - shared
    return shared / ops.maximum(union, 1e-9)


def _centers_and_sides(boxes):
    sides = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + sides / 2, sides


def encode_boxes(boxes, references, scales=(1.0, 1.0, 1.0, 1.0)):
    """Returns boxes as seen from references (anchors or proposals): `(dx, dy, dw, dh)`, `(..., 4)`.

    dx = (x - x_a) / w_a and dw = log(w / w_a), of centers and sides (Ren et al. 2015, eq. 2), times the scales.

    Args:
        boxes: Boxes to code, `(..., 4)`; sides below a thousandth of a pixel count as that.
        references: What they are seen from, `(..., 4)`.
        scales: Factors of dx, dy, dw and dh.
    """
    boxes, references = ops.convert_to_tensor(boxes), ops.convert_to_tensor(references)
    centers, sides = _centers_and_sides(boxes)
    own_centers, own_sides = _centers_and_sides(references)
    own_sides = ops.maximum(own_sides, 1e-3)
    coded = ops.concatenate(
        [(centers - own_centers) / own_sides, ops.log(ops.maximum(sides, 1e-3) / own_sides)], axis=-1
    )
    return coded * ops.convert_to_tensor(scales, dtype=coded.dtype)


def decode_boxes(coded, references, scales=(1.0, 1.0, 1.0, 1.0)):
    """Returns the boxes `(..., 4)` of `encode_boxes`' codes; a side grows by a factor of at most 1000 / 16."""
    references = ops.convert_to_tensor(references)
    coded = coded / ops.convert_to_tensor(scales, dtype=coded.dtype)
    own_centers, own_sides = _centers_and_sides(references)
    centers = own_centers + coded[..., :2] * own_sides
    sides = ops.exp(ops.minimum(coded[..., 2:], MAX_LOG_SCALE)) * own_sides
    return ops.concatenate([centers - sides / 2, centers + sides / 2], axis=-1)


def clip_boxes(boxes, image_size: tuple[int, int]):
    """Returns boxes `(..., 4)` cut to an image of a height and width."""
    height, width = image_size
    most = ops.convert_to_tensor([width, height, width, height], dtype=boxes.dtype)
    return ops.minimum(ops.maximum(boxes, 0.0), most)
