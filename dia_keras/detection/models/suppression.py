"""Non-maximum suppression, and the choice of a detector's answers."""

import math
from functools import reduce

from keras import ops

from .boxes import pairwise_iou


def nms_mask(boxes, valid, threshold: float):
    """Returns which boxes greedy non-maximum suppression keeps, bool `(batch, n)`.

    An earlier box that is kept suppresses those with which its IoU is greater than the threshold. This is found for
    all boxes at once, over and over until nothing changes: after k rounds the first k boxes are right, and mostly all
    of them after a few.

    Args:
        boxes: Sorted by descending score, `(batch, n, 4)`.
        valid: Whether a row counts, bool `(batch, n)`.
        threshold: Greatest IoU of boxes that are both kept.
    """
    number = boxes.shape[1]
    earlier = ops.arange(number)[:, None] < ops.arange(number)[None]
    suppresses = ops.cast(ops.logical_and(pairwise_iou(boxes, boxes) > threshold, earlier[None]), "float32")
    valid = ops.cast(valid, "float32")  # `suppresses` is (batch, by which, which)

    def is_unsettled(kept, before):
        return ops.any(kept != before)

    def settle(kept, before):
        suppressed = ops.matmul(kept[:, None], suppresses)[:, 0] > 0
        return valid * (1.0 - ops.cast(suppressed, "float32")), kept

    kept, _ = ops.while_loop(is_unsettled, settle, (valid, valid - 1.0))
    return kept > 0


def top_k_indices(scores, number: int):
    """Returns the indices of the greatest scores of each image, int32 `(batch, min(number, n))`, greatest first."""
    return ops.cast(ops.top_k(scores, min(number, scores.shape[1]))[1], "int32")


def gather_rows(values, rows):
    """Returns the rows `(batch, k)` of values `(batch, n)` or `(batch, n, c)`."""
    return ops.take_along_axis(values, rows if len(values.shape) == 2 else rows[..., None], axis=1)


def top_k_candidate_class_pairs(scores, number: int):
    """Returns the greatest scores among candidates and classes `(batch, n, classes)`.

    The greatest `number` pairs are among the `number` candidates of the greatest best class, so that the few of them,
    and not all, are sorted.

    Returns:
        The scores, and int32 indices of their candidates and classes, each `(batch, k)`, greatest first.
    """
    num_classes = scores.shape[-1]
    rows = top_k_indices(ops.max(scores, axis=-1), number)
    few = gather_rows(scores, rows)
    flat = ops.reshape(few, (-1, few.shape[1] * num_classes))
    pairs = top_k_indices(flat, number)
    return gather_rows(flat, pairs), gather_rows(rows, pairs // num_classes), pairs % num_classes


def are_broken(*outputs):
    """Returns which images have an output that is not finite, bool `(batch,)`."""
    finite = [ops.abs(output) < math.inf for output in outputs]  # exporters do not know `isfinite`
    return ops.logical_not(
        reduce(ops.logical_and, [ops.all(value, axis=tuple(range(1, len(value.shape)))) for value in finite])
    )


def class_wise_nms(boxes, scores, classes, broken, *, threshold: float, iou: float, max_detections: int) -> dict:
    """Returns a detector's answers: the surest boxes that class-wise non-maximum suppression keeps.

    Every round takes the surest box of an image, and lets those of its class fall that overlap it. There are as many
    rounds as answers, which takes little memory for the 5,000 candidates of RetinaNet: the overlaps of all with all,
    as in `nms_mask`, would have 100 MB an image.

    Args:
        boxes: `(batch, n, 4)`.
        scores: `(batch, n)`.
        classes: int32 `(batch, n)`.
        broken: What `are_broken` says of the network's outputs. The first answer of such an image is NaN: otherwise it
            would seem that nothing was found, since NaN is not greater than the threshold.
        threshold: Scores of answers are greater.
        iou: Greatest IoU of two answers of a class.
        max_detections: Maximum number of detections per image.

    Returns:
        "boxes" `(batch, max_detections, 4)`, "classes" int32 and "scores" `(batch, max_detections)`, and
        "num_detections", int32 `(batch,)`: rows from that number on are -1.
    """
    places = ops.arange(scores.shape[1], dtype="int32")[None]
    rounds = ops.arange(max_detections, dtype="int32")[None]

    # Exporters know `top_k`, but not the `argmax` of Keras on TensorFlow, nor `maximum_iterations`.
    def is_one_left(number, left, rows, kept_scores):
        return ops.logical_and(number < max_detections, ops.any(left > threshold))

    def take_surest(number, left, rows, kept_scores):
        row = top_k_indices(left, 1)
        overlap = pairwise_iou(gather_rows(boxes, row), boxes)[:, 0] > iou
        suppressed = ops.logical_and(overlap, classes == gather_rows(classes, row))
        suppressed = ops.logical_or(suppressed, places == row)
        is_now = rounds == number
        return (
            number + 1,
            ops.where(suppressed, -1.0, left),
            ops.where(is_now, row, rows),
            ops.where(is_now, gather_rows(left, row), kept_scores),
        )

    rows = ops.zeros_like(scores[:, :1], dtype="int32") + ops.zeros_like(rounds)
    start = ops.zeros((), dtype="int32"), scores, rows, ops.cast(rows, scores.dtype) - 1.0
    _, _, rows, kept_scores = ops.while_loop(is_one_left, take_surest, start)
    kept_scores = ops.where(ops.logical_and(broken[:, None], rounds == 0), float("nan"), kept_scores)
    is_one = ops.logical_or(kept_scores > threshold, ops.isnan(kept_scores))
    return {
        "boxes": ops.where(is_one[..., None], gather_rows(boxes, rows), -1.0),
        "classes": ops.where(is_one, gather_rows(classes, rows), -1),
        "scores": ops.where(is_one, kept_scores, -1.0),
        "num_detections": ops.sum(ops.cast(is_one, "int32"), axis=-1),
    }
