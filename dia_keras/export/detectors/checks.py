"""Checks of the exporters' arguments for detectors."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...detection import FasterRCNN
from ...detection.models.detector import Detector
from ...samples import load_samples
from ..format import Format
from ..requests.checks import check_packages, input_dtype_for, labels_for, path_for, tolerance_for
from ..requests.images import images_for, resized
from ..requests.request import Request
from .formats import DETECTOR_FORMATS

#: Number of sample images to compare on; those of detectors are large.
SAMPLES = 3


def checked_request(
    format: Format,
    detector: Detector,
    path: str | os.PathLike[str],
    images: np.ndarray | None = None,
    *,
    quantize: str | None = None,
    representative: Any = None,
    input_dtype: str | None = None,
    labels: Sequence[str] | None = None,
    resize: str | None = None,
    optimize: bool = True,
    test: Any = None,
    tolerance: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> Request:
    """Returns a request for an export of a detector; see `requests.checks.checked_request`.

    Raises:
        ValueError: On an argument that cannot be used.
        ImportError: Where a package that writes or runs the format is missing.
    """
    if format.name not in DETECTOR_FORMATS:
        raise ValueError(
            f"`model` must not be a detector for {format.name}: {', '.join(DETECTOR_FORMATS)} hold detectors. "
            f"Received: model={detector.name!r}"
        )
    if format.name == "tflite" and isinstance(detector, FasterRCNN):
        raise ValueError(
            "`model` must be a RetinaNet for TFLite: Faster R-CNN has non-maximum suppression in the middle, whose "
            "regions its second stage looks at, and these exports have none in TFLite files. Use `to_onnx` or "
            f"`to_saved_model`, or train a RetinaNet. Received: model={detector.name!r}, a Faster R-CNN"
        )
    for name, value in {"quantize": quantize, "representative": representative, "test": test}.items():
        if value is not None:
            raise ValueError(
                f"`{name}` must be None for a detector: its files are float32, and have no top-1 accuracy. "
                f"Received: {name}={value if isinstance(value, str) else type(value).__name__!r}"
            )
    if resize not in (None, "pad"):
        raise ValueError(f"`resize` must be None or 'pad' for a detector, which sees whole images. Received: {resize=}")
    options = format.checked_options(None, options or {})
    check_packages(format)
    path = path_for(format, path)
    names = labels_for(detector.num_classes, detector.labels if labels is None else labels)
    if images is None:
        images = resized(load_samples()[0][:SAMPLES], *detector.image_size)
    images = images_for(detector.network, images)
    floats = [] if images.dtype == np.uint8 or format.takes_any_dtype else ["images"]
    return Request(
        format=format.name,
        path=path,
        images=images,
        input_dtype=input_dtype_for(format, None, input_dtype, floats),
        of_pixels=True,
        labels=names,
        resize="pad",
        optimize=optimize,
        tolerance=tolerance_for(format.quantizations[None], tolerance),
        options=options,
        of_detector=True,
    )
