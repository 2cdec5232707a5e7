"""The steps of a detector's export: check, float32, convert, compare, report."""

import dataclasses
import logging
import os
import time
from typing import Any

import numpy as np

from ...detection.models.detector import Detector
from ...files import size_of, staged
from ..conversion import convert_and_compare
from ..format import Format
from ..report import ExportReport
from .answers import as_rows
from .checks import checked_request
from .networks import in_float32

_logger = logging.getLogger("dia_keras")


def export_detector(
    format: Format, detector: Detector, path: str | os.PathLike[str], images: np.ndarray | None = None, **arguments: Any
) -> ExportReport:
    """Exports a detector to a file of any format. Arguments, result and errors are those of `export_model`."""
    start = time.perf_counter()
    request = checked_request(format, detector, path, images, **arguments)
    reference = in_float32(detector)
    # One at a time: images of detectors are large.
    expected = as_rows(reference.predict(request.images, batch_size=1, verbose=0))
    with staged(request.path) as target:
        findings = convert_and_compare(reference, dataclasses.replace(request, path=target), expected)
        size = size_of(target)
    if not findings.detections:
        _logger.warning(
            "%s could only be compared on images in which the detector finds nothing: give `images` of what it knows",
            request.path,
        )
    return ExportReport(
        path=request.path,
        format=format.name,
        quantize=None,
        size_bytes=size,
        seconds=time.perf_counter() - start,
        conversion_seconds=findings.conversion_seconds,
        max_difference=findings.max_difference,
        images=len(request.images),
        box_difference=findings.box_difference,
        detections=findings.detections,
        **findings.anatomy,
    )
