"""The formats of exports of detectors: those of classifiers, which write another network and compare its detections."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..comparison import Runners
from ..format import Format
from ..onnx.format import ONNXFormat
from ..requests.request import Request
from ..saved_model.format import SavedModelFormat
from ..tflite.format import TFLiteFormat
from . import runners
from .comparison import compared
from .metadata import describe
from .networks import heads_network, whole_network


class _DetectorFormat(Format):
    """A file with non-maximum suppression inside, which gives what `Detector.predict` does."""

    def metadata(self, model, request: Request) -> dict[str, Any]:
        return describe(model, request)

    def compared(self, model, request: Request, runners: Runners, expected: np.ndarray) -> dict[str, Any]:
        return compared(model, request, runners, expected)


class _SavedModel(_DetectorFormat, SavedModelFormat):
    def write(self, model, request: Request, metadata: Mapping[str, Any]) -> None:
        super().write(whole_network(model, request.optimize), request, metadata)

    def runners(self, request: Request) -> Runners:
        return runners.of_saved_model(request)


class _ONNX(_DetectorFormat, ONNXFormat):
    def write(self, model, request: Request, metadata: Mapping[str, Any]) -> None:
        super().write(whole_network(model, request.optimize), request, metadata)

    def runners(self, request: Request) -> Runners:
        return runners.of_onnx(request)


class _TFLite(_DetectorFormat, TFLiteFormat):
    """A file of RetinaNet's boxes and scores at all anchors, of which `answers.suppressed` makes detections."""

    def metadata(self, model, request: Request) -> dict[str, Any]:
        return describe(model, request, model.level_ends)

    def write(self, model, request: Request, metadata: Mapping[str, Any]) -> None:
        from ..tflite.writer import converted, write_archive

        write_archive(converted(heads_network(model, request.optimize), request), request, metadata)

    def runners(self, request: Request) -> Runners:
        return runners.of_tflite(request)


DETECTOR_FORMATS: dict[str, Format] = {format.name: format for format in (_SavedModel(), _TFLite(), _ONNX())}
