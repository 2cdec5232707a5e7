"""Comparison of a file's detections with those of the detector."""

import numpy as np

from ...detection.models.detector import Detector
from ..comparison import Runners, in_two_sizes, mismatch
from ..requests.request import Request


def compared(detector: Detector, request: Request, runners: Runners, expected: np.ndarray) -> dict:
    """Returns the largest differences and the number of detections, attributes of `Findings`.

    Raises:
        ExportMismatchError: Where the difference is larger than the request's tolerance, or not a number.
    """
    largest, pixels = 0.0, 0.0
    for what, detect in runners.items():
        found = in_two_sizes(detect, request.images)
        by_image = [differences(*pair, detector, request.tolerance) for pair in zip(found, expected, strict=True)]
        difference, of_boxes = np.max(by_image, axis=0)
        if not difference <= request.tolerance:
            raise mismatch(what, float(difference), request.tolerance)
        largest, pixels = max(largest, float(difference)), max(pixels, float(of_boxes))
    detections = int((expected[..., 4] >= 0).sum())
    return {"max_difference": largest, "box_difference": pixels, "detections": detections}


def differences(found: np.ndarray, expected: np.ndarray, detector: Detector, tolerance: float) -> tuple[float, float]:
    """Returns how much the detections of an image differ, and by how many pixels the boxes of those that are in both.

    An expected detection goes with the nearest one found of its class. The difference of the two is that of their
    scores or of their boxes, in parts of the input's longer side, whichever is larger. One that only the file or only
    the detector has differs by what its score is above the least that the other could give. So two equally sure ones
    may change places, and one at the threshold may be missing. NaN differs by NaN.

    Args:
        found: Rows of the file, see `answers.as_rows`, `(max_detections, 6)`.
        expected: Rows of the detector.
        detector: The detector.
        tolerance: The largest difference allowed.
    """
    if found.shape != expected.shape or np.isnan(found).any() or np.isnan(expected).any():
        return float("nan"), float("nan")
    side = max(detector.image_size)
    left = [row for row in found if row[4] >= 0]
    least_found, least_expected = _least(left, detector), _least([row for row in expected if row[4] >= 0], detector)
    difference = pixels = 0.0
    for row in (row for row in expected if row[4] >= 0):
        distances = [_distance(row, other, side) for other in left]
        nearest, alone = min(distances, default=float("inf")), float(row[5]) - least_found
        if nearest <= max(alone, tolerance):
            other = left.pop(distances.index(nearest))
            difference, pixels = max(difference, nearest), max(pixels, float(np.abs(row - other)[:4].max()))
        else:
            difference = max(difference, alone)
    return max([difference, *(float(row[5]) - least_expected for row in left)]), pixels


def _least(rows: list[np.ndarray], detector: Detector) -> float:
    """Returns the least score that could be among the detections of an image."""
    is_full = len(rows) == detector.max_detections
    return float(rows[-1][5]) if is_full else detector.score_threshold


def _distance(row: np.ndarray, other: np.ndarray, side: int) -> float:
    """Returns the difference of two detections; that of two classes is infinite."""
    if row[4] != other[4]:
        return float("inf")
    return max(float(np.abs(row - other)[:4].max()) / side, abs(float(row[5] - other[5])))
