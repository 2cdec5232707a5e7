"""Answers of detectors as arrays of rows, of boxes in pixels of the input, class and score."""

from collections.abc import Mapping
from typing import Any

import numpy as np

#: What files with non-maximum suppression inside give.
OUTPUTS = ("boxes", "classes", "scores", "num_detections")


def as_rows(answers: Mapping[str, Any]) -> np.ndarray:
    """Returns answers, as `Detector.predict` gives them, as rows.

    Rows are `(x1, y1, x2, y2, class, score)`, sorted by descending score, float32 `(batch, max_detections, 6)`; those
    without an object are -1.
    """
    boxes, classes, scores, numbers = (np.asarray(answers[name]) for name in OUTPUTS)
    rows = np.concatenate([boxes, classes[..., None], scores[..., None]], axis=-1).astype("float32")
    return np.where(np.arange(rows.shape[1])[None, :, None] < numbers[:, None, None], rows, np.float32(-1))


def suppressed(boxes: np.ndarray, scores: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """Returns the rows of one image, `(max_detections, 6)`, of what a file without non-maximum suppression gives.

    Args:
        boxes: `(n, 4)`.
        scores: `(n, classes)`.
        settings: `suppression` of the file's metadata.
    """
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):  # which would seem to have no objects
        return np.full((settings["max_detections"], 6), np.nan, "float32")
    starts = [0, *settings["levels"][:-1]]
    best = [
        start * scores.shape[1] + np.argsort(-level, axis=None, kind="stable")[: settings["candidates"]]
        for start, level in zip(starts, np.split(scores, starts[1:]), strict=True)
    ]
    candidates = np.concatenate(best)
    candidates = candidates[np.argsort(-scores.ravel()[candidates], kind="stable")]
    candidates = candidates[scores.ravel()[candidates] > settings["score_threshold"]]
    anchors, classes = np.divmod(candidates, scores.shape[1])
    kept: list[int] = []
    for number, (anchor, label) in enumerate(zip(anchors, classes, strict=True)):
        rivals = [other for other in kept if classes[other] == label]
        if (_overlaps(boxes[anchor], boxes[anchors[rivals]]) <= settings["iou_threshold"]).all():
            kept.append(number)
    kept = kept[: settings["max_detections"]]
    rows = np.full((settings["max_detections"], 6), -1, "float32")
    rows[: len(kept), :4] = boxes[anchors[kept]]
    rows[: len(kept), 4] = classes[kept]
    rows[: len(kept), 5] = scores[anchors[kept], classes[kept]]
    return rows


def _overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the intersections over union of a box with others, `(n,)`."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return shared / np.maximum(areas - shared, 1e-9)
