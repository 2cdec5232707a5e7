"""The exporters."""

import os
import time
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from .arguments import TOLERANCES, check_model, check_packages, check_path, check_quantization, images_for
from .convert import convert_and_check
from .precision import in_float32
from .report import ExportReport
from .staging import size_of, staged

PathLike = str | os.PathLike[str]


def to_saved_model(
    model: keras.Model, path: PathLike, images: np.ndarray | None = None, *, tolerance: float = 1e-4
) -> ExportReport:
    """Exports a model as a TensorFlow SavedModel, which needs neither Keras nor dia_keras.

    `tf.saved_model.load(path)` gives a function of images, float32 or uint8, of any number. The signature
    `"serving_default"` takes float32 and `"serving_uint8"` takes uint8 `images`; both return `predictions`. The file
    is loaded, run, and put in place only if it answers as `model.predict` does.

    Args:
        model: Functional `keras.Model`, built on any backend, from images of a fixed size, channels last, to one
            output. Backends other than TensorFlow hand it to a TensorFlow process.
        path: The folder to write. A SavedModel that is there is replaced.
        images: Array `(n, height, width, channels)`, uint8 or float, of images as the model takes them, to compare
            on. Default: the package's sample images, pixel values 0 to 255, in the model's size.
        tolerance: The largest difference allowed: absolute for probabilities, relative to the largest for logits.

    Returns:
        An `ExportReport`.

    Raises:
        ExportMismatchError: Where the file does not answer as the model does. Nothing is written, as with any error.
        ValueError: On a model, a path or images that cannot be used.
        ImportError: Without the packages of `dia_keras[export]`.

    Example:

    >>> to_saved_model(model, "dia_resnet20")
    >>> tf.saved_model.load("dia_resnet20")(images)
    """
    return _export("saved_model", model, path, images, tolerance)


def to_tflite(
    model: keras.Model,
    path: PathLike,
    images: np.ndarray | None = None,
    *,
    quantize: Literal["float16", "dynamic", "int8", "int16x8"] | None = None,
    representative: np.ndarray | None = None,
    batch_size: int | None = 1,
    tolerance: float | None = None,
) -> ExportReport:
    """Exports a model as a TFLite file, for LiteRT on phones and small devices.

    Its one signature takes float32 `images`, of values 0 to 255, and returns float32 `predictions`, however the file
    computes in between. It is run with `ai_edge_litert`, and put in place only if it answers as `model.predict` does.

    Args:
        model: Functional `keras.Model`, see `to_saved_model`.
        path: The file to write, `*.tflite`. A file that is there is replaced.
        images: Images to compare on, see `to_saved_model`.
        quantize: What the file holds and computes in: `None` is float32; `"float16"` halves the weights, which are made
            float32 again when it is loaded; `"dynamic"` has int8 weights, and quantises what flows at each run;
            `"int8"` has int8 weights and int8 activations; `"int16x8"` has int8 weights and int16 activations.
        representative: Training images, `(n, height, width, channels)`, uint8 or float, on which the ranges of the
            activations are measured: a hundred or more, for `"int8"` and `"int16x8"` only.
        batch_size: Number of images the file takes at a time. `None` is any number, which runs slower on one image.
        tolerance: The largest difference allowed, see `to_saved_model`. Default: 1e-4 in float32, 0.02 in float16, 0.2
            for dynamic ranges, and 0.5 where the activations are quantised too.

    Returns:
        An `ExportReport`.

    Raises:
        ExportMismatchError: Where the file does not answer as the model does. Nothing is written, as with any error.
        ValueError: On a model, a path or images that cannot be used.
        ImportError: Without the packages of `dia_keras[export]`.

    Example:

    >>> to_tflite(model, "dia_resnet20.tflite").size_bytes
    >>> to_tflite(model, "dia_resnet20_int8.tflite", quantize="int8", representative=train.images[:200])
    """
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
        raise ValueError(f"`batch_size` must be a positive integer or None. Received: batch_size={batch_size!r}")
    check_quantization(quantize, representative, batch_size)
    if tolerance is None:
        tolerance = TOLERANCES[quantize]
    options = {"batch_size": batch_size, "quantize": quantize, "representative": representative}
    return _export("tflite", model, path, images, tolerance, **options)


def to_onnx(
    model: keras.Model, path: PathLike, images: np.ndarray | None = None, *, opset: int = 17, tolerance: float = 1e-4
) -> ExportReport:
    """Exports a model as an ONNX file, for ONNX Runtime and others.

    It takes float32 `images`, any number (dimension `batch`), and returns `predictions`. The file passes
    `onnx.checker`, is run with ONNX Runtime, and put in place only if it answers as `model.predict` does.

    Args:
        model: Functional `keras.Model`, see `to_saved_model`.
        path: The file to write, `*.onnx`. A file that is there is replaced.
        images: Images to compare on, see `to_saved_model`.
        opset: Version of the ONNX operators, 13 to 18.
        tolerance: The largest difference allowed, see `to_saved_model`.

    Returns:
        An `ExportReport`.

    Raises:
        ExportMismatchError: Where the file does not answer as the model does. Nothing is written, as with any error.
        ValueError: On a model, a path or images that cannot be used.
        ImportError: Without the packages of `dia_keras[export]`.

    Example:

    >>> to_onnx(model, "dia_resnet20.onnx").max_difference
    """
    if opset not in range(13, 19):
        raise ValueError(f"`opset` must be an integer from 13 to 18. Received: opset={opset!r}")
    return _export("onnx", model, path, images, tolerance, opset=opset)


def _export(format: str, model, path, images, tolerance: float, **options) -> ExportReport:
    start = time.perf_counter()
    path = Path(path)
    check_packages(format)
    check_model(model)
    check_path(format, path)
    images = images_for(model, images)
    if options.get("representative") is not None:
        options["representative"] = images_for(model, options["representative"], "representative")
    model = in_float32(model)
    expected = model.predict(images.astype("float32"), verbose=0)
    with staged(path) as target:
        difference = convert_and_check(format, model, target, images, expected, tolerance, options)
        size = size_of(target)
    return ExportReport(path, format, size, time.perf_counter() - start, difference)
