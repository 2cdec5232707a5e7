"""The steps of every export: check, float32, optimize, convert, compare, report."""

import dataclasses
import logging
import os
import time
from typing import Any

import keras
import numpy as np

from ..detection.models.detector import Detector
from ..files import size_of, staged
from ..inference import optimize
from ..inference.precision import in_float32
from .comparison import best_classes, check_twin
from .conversion import Findings, convert_and_compare
from .detectors.exporter import export_detector
from .format import Format
from .report import ExportReport
from .requests.checks import checked_request
from .requests.request import Request

#: Below this fraction of images that file and model put into the same class there is a warning.
FEWEST_AGREEING = 0.95
#: Above this part of how much the answers to the images differ, a quantized file's error gets a warning.
LARGEST_PART = 0.5

_logger = logging.getLogger("dia_keras")


def export_model(
    format: Format, model: keras.Model, path: str | os.PathLike[str], images: np.ndarray | None = None, **arguments: Any
) -> ExportReport:
    """Exports a model to a file of any format.

    Args:
        format: The format.
        model: The model, on any backend.
        path: The file or folder to write.
        images: Images to compare on.
        **arguments: The other arguments of `checked_request`, which are those of the exporters.

    Returns:
        An `ExportReport`.

    Raises:
        ExportMismatchError: Where the file does not answer as the model does. Nothing is written, as with any error.
        ValueError: On an argument that cannot be used.
        ImportError: Without the packages of `dia_keras[export]`.
    """
    if isinstance(model, Detector):
        return export_detector(format, model, path, images, **arguments)
    start = time.perf_counter()
    request = checked_request(format, model, path, images, **arguments)
    reference = in_float32(model)
    expected = reference.predict(request.compared.astype("float32"), verbose=0)
    if reference is not model:
        check_twin(model, request.images, expected[: len(request.images)])
    network = optimize(reference, format.pools_first) if request.optimize else reference
    with staged(request.path) as target:
        findings = convert_and_compare(network, dataclasses.replace(request, path=target), expected)
        size = size_of(target)
    seconds = time.perf_counter() - start - findings.test_seconds
    if request.quantize:
        warn_of_large_error(request, findings.max_difference, expected[: len(request.images)])
    measures = measures_of(reference, request, findings)
    agreement = measures["agreement"]
    if agreement is not None and agreement < FEWEST_AGREEING:
        number = len(request.test[0] if request.test else request.compared)
        _logger.warning(
            "%s and the model put only %.1f%% of %d images into the same class", request.path, 100 * agreement, number
        )
    return ExportReport(
        path=request.path,
        format=format.name,
        quantize=request.quantize,
        size_bytes=size,
        seconds=seconds,
        conversion_seconds=findings.conversion_seconds,
        max_difference=findings.max_difference,
        images=len(request.images),
        **measures,
        **findings.anatomy,
    )


def measures_of(reference: keras.Model, request: Request, findings: Findings) -> dict[str, Any]:
    """Returns how often file and model agree, and how often each is right: attributes of `ExportReport`."""
    if not request.test:
        return {"agreement": findings.agreement}
    images, labels = request.test
    of_model = best_classes(lambda part: reference.predict(part, verbose=0), images, "Testing the model")
    of_file = np.array(findings.test_classes)
    pairs = {"agreement": (of_file, of_model), "top1": (of_file, labels), "model_top1": (of_model, labels)}
    return {name: float((classes == wanted).mean()) for name, (classes, wanted) in pairs.items()}


def warn_of_large_error(request: Request, difference: float, answers: np.ndarray) -> None:
    """Warns where a file's answers are off by more than half of what tells the images apart.

    The tolerance does not see this where all answers are small, as probabilities of many classes are.
    """
    error, spread = difference * max(1.0, float(np.abs(answers).max())), float(np.ptp(answers, axis=0).max())
    if len(answers) > 1 and error > LARGEST_PART * spread:
        _logger.warning(
            "%s is off by up to %.2g, where the model's answers to the images differ by only %.2g",
            request.path,
            error,
            spread,
        )
