"""The exporter to ONNX."""

import os
from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np

from ...data.picture import Resize
from ..exporter import export_model
from ..report import ExportReport
from ..requests.images import Representative
from .format import ONNX


def to_onnx(
    model: keras.Model,
    path: str | os.PathLike[str],
    images: np.ndarray | None = None,
    *,
    quantize: Literal["int8"] | None = None,
    representative: Representative | None = None,
    opset: int = 17,
    input_dtype: Literal["uint8", "float32"] | None = None,
    labels: Sequence[str] | None = None,
    resize: Resize | None = None,
    optimize: bool = True,
    test: tuple[np.ndarray, np.ndarray] | None = None,
    tolerance: float | None = None,
) -> ExportReport:
    """Exports a model as an ONNX file, for ONNX Runtime and others.

    It takes any number of `images` (dimension `batch`), as the model takes them, and returns float32 `predictions`. Its
    metadata properties have labels and normalization. The file passes `onnx.checker`. It is run with ONNX Runtime, and
    put in place only if it answers as `model.predict` does.

    Args:
        model: Functional `keras.Model`, or a detector, see `to_saved_model`.
        path: The file to write, `*.onnx`. It replaces an existing file.
        images: Images to compare on, see `to_saved_model`.
        quantize: `None` is float32. `"int8"` has int8 weights and uint8 activations in the convolutions and the ops
            that follow them, and leaves the attention in float32.
        representative: Training images, see `to_tflite`, for `"int8"` only.
        opset: Version of the ONNX operators, 13 to 18.
        input_dtype: Dtype of the images that the file takes. Default: `"uint8"`, but `"float32"` where any images given
            are float. A model without a normalization of pixel values of its own needs this argument or images:
            `"uint8"` says that it takes pixel values, 0 to 255.
        labels: Names of the classes, which the file then carries.
        resize: How images of other sizes become the model's, which the file then says, see `to_saved_model`.
        optimize: Whether to rewrite the model for inference, see `dia_keras.export.optimize`.
        test: Test images and labels for the report, see `to_saved_model`.
        tolerance: The largest difference allowed, see `to_saved_model`. Default: 1e-4 in float32, 0.5 in int8.

    Returns:
        An `ExportReport`, see `to_tflite`.

    Raises:
        ExportMismatchError: Where the file does not answer as the model does. Nothing is written, as with any error.
        ValueError: On a model, a path, images or labels that cannot be used.
        ImportError: Without the packages of `dia_keras[export]`.

    Example:

    >>> to_onnx(model, "dia_resnet20.onnx").max_difference
    """
    return export_model(
        ONNX,
        model,
        path,
        images,
        quantize=quantize,
        representative=representative,
        input_dtype=input_dtype,
        labels=labels,
        resize=resize,
        optimize=optimize,
        test=test,
        tolerance=tolerance,
        options={"opset": opset},
    )
