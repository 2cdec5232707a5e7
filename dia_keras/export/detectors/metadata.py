"""Metadata of an exported detector."""

from typing import Any

from ...detection.models.detector import CANDIDATES, Detector
from ..metadata import normalization, range_of, values_of
from ..requests.request import Request


def describe(detector: Detector, request: Request, levels: list[int] | None = None) -> dict[str, Any]:
    """Returns what a user of the file must know, as values for JSON.

    Args:
        detector: The detector.
        request: The request.
        levels: Numbers of the anchors up to the end of each level, where non-maximum suppression is not in the file.
            The user has to do it, as `suppression` says: of the best pairs of anchor and class of each level, as many
            as `candidates`, those above the threshold.
    """
    number = detector.max_detections
    metadata: dict[str, Any] = {
        "name": detector.name,
        "kind": "detector",
        # "pad": the whole image, in its own shape, in the center of black.
        "input": {
            "name": "images",
            "dtype": request.input_dtype,
            "shape": [*detector.image_size, 3],
            "values": range_of(request.input_dtype),
            "resize": request.resize,
        },
        "outputs": {"boxes": [number, 4], "classes": [number], "scores": [number], "num_detections": []},
        "boxes": "x1, y1, x2, y2 in pixels of the input",
        "suppression": {
            "where": "in the file",
            "candidates": CANDIDATES,
            "score_threshold": detector.score_threshold,
            "iou_threshold": detector.iou_threshold,
            "max_detections": number,
        },
        "normalization": None,
        "labels": list(request.labels) if request.labels is not None else None,
    }
    if levels:
        anchors = len(detector.anchors)
        metadata["outputs"] = {"boxes": [anchors, 4], "scores": [anchors, detector.num_classes]}
        metadata["suppression"] |= {"where": "after the file", "levels": levels}
    if statistics := normalization(detector.network):
        mean, std = (value.tolist() for value in statistics)
        metadata["normalization"] = {
            "where": f"in the file: it takes {values_of(request.input_dtype)}",
            "mean": mean,
            "std": std,
        }
    return metadata
