"""The registry of formats. A new format is a folder with a `Format`, and a line here."""

from pathlib import Path

from .detectors.formats import DETECTOR_FORMATS
from .format import Format
from .onnx.format import ONNX
from .requests.request import Request
from .saved_model.format import SAVED_MODEL
from .tflite.format import TFLITE

FORMATS: dict[str, Format] = {format.name: format for format in (SAVED_MODEL, TFLITE, ONNX)}
#: Names of all quantizations that measure the ranges of activations on images.
CALIBRATED = {
    name
    for format in FORMATS.values()
    for name, quantization in format.quantizations.items()
    if quantization.calibrated
}


def format_for(request: Request) -> Format:
    """Returns the format that does what is asked for."""
    return (DETECTOR_FORMATS if request.of_detector else FORMATS)[request.format]


def format_of(path: Path) -> Format:
    """Returns the format that a path's suffix stands for.

    Raises:
        ValueError: Where no format has this suffix.
    """
    for format in FORMATS.values():
        if path.suffix == format.suffix:
            return format
    suffixes = " or ".join(format.suffix for format in FORMATS.values() if format.suffix)
    raise ValueError(f"`path` must end in {suffixes}, or have no ending. Received: path={str(path)!r}")
