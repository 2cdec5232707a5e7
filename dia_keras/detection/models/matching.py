"""Matching of anchors or proposals to boxes.

A box of class 0 or more is an object. Class -1 marks a row without a box, class -2 a crowd, see
`dia_keras.detection.data.batches`.
"""

from typing import Any, NamedTuple

from keras import ops

from ..data.batching import CROWD
from .boxes import areas, intersection_areas, pairwise_iou


class Matches(NamedTuple):
    """What candidates, anchors or proposals, are to find.

    Attributes:
        boxes: The matched box of each, `(batch, n, 4)`.
        classes: Its class, int32 `(batch, n)`; any where the candidate is not positive.
        positive: Whether it is to find its box, bool `(batch, n)`.
        negative: Whether it is to find nothing, bool `(batch, n)`. What is neither does not count.
    """

    boxes: Any
    classes: Any
    positive: Any
    negative: Any


def match(candidates, boxes, classes, *, positive: float, negative: float, force: bool) -> Matches:
    """Matches candidates with the boxes of their images.

    A candidate takes the box with which it has the greatest IoU. It is positive from the threshold `positive` on,
    negative below `negative`, and does not count in between, nor where half of it lies in a crowd and it is not
    positive.

    Args:
        candidates: `(n, 4)` for all images, or `(batch, n, 4)`.
        boxes: `(batch, m, 4)`.
        classes: int `(batch, m)`; -1 for rows without a box, -2 for crowds.
        positive: Minimum IoU of a positive candidate.
        negative: IoU below which a candidate is negative.
        force: Whether the best candidates of every box are positive for it, whatever their IoU.
    """
    classes = ops.cast(classes, "int32")
    boxes, candidates = ops.cast(boxes, "float32"), ops.convert_to_tensor(candidates)
    if len(candidates.shape) == 2:
        candidates = candidates[None]
    is_object = ops.cast(classes >= 0, "float32")[:, None]
    # Rows that are not objects have an IoU of -1, and so are never the best of a candidate where there is one.
    iou = pairwise_iou(candidates, boxes) * is_object - (1.0 - is_object)
    best = ops.max(iou, axis=-1)
    row = ops.argmax(iou, axis=-1)
    is_positive = best >= positive
    if force:
        most = ops.max(iou, axis=1, keepdims=True)
        forced = ops.logical_and(iou >= most, most > 1e-6)
        is_forced = ops.any(forced, axis=-1)
        # A candidate that is the best of several boxes takes the one it has most of.
        row = ops.where(is_forced, ops.argmax(ops.where(forced, iou, -2.0), axis=-1), row)
        is_positive = ops.logical_or(is_positive, is_forced)
    is_crowd = ops.cast(classes == CROWD, "float32")[:, None]
    share = intersection_areas(candidates, boxes) * is_crowd / ops.maximum(areas(candidates), 1e-9)[..., None]
    in_crowd = ops.max(share, axis=-1) >= 0.5
    is_negative = ops.logical_and(best < negative, ops.logical_not(ops.logical_or(is_positive, in_crowd)))
    row = ops.cast(row, "int32")
    return Matches(
        ops.take_along_axis(boxes, row[..., None], axis=1),
        ops.take_along_axis(classes, row, axis=1),
        is_positive,
        is_negative,
    )
