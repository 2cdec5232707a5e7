"""The exporters."""

import math
import os
import time
from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np

from ..files import size_of, staged
from . import inference
from .accuracy import top1
from .arguments import (
    CALIBRATED,
    TOLERANCES,
    check_model,
    check_packages,
    check_quantization,
    check_tolerance,
    images_for,
    input_dtype_for,
    is_integer,
    labels_for,
    path_for,
    test_set,
)
from .convert import convert_and_check
from .metadata import describe
from .precision import check_twin, in_float32
from .report import ExportReport

PathLike = str | os.PathLike[str]
Test = tuple[np.ndarray, np.ndarray]


def to_saved_model(
    model: keras.Model,
    path: PathLike,
    images: np.ndarray | None = None,
    *,
    labels: Sequence[str] | None = None,
    optimize: bool = True,
    test: Test | None = None,
    tolerance: float = 1e-4,
) -> ExportReport:
    """Exports a model as a TensorFlow SavedModel, which needs neither Keras nor dia_keras.

    `tf.saved_model.load(path)` gives a function of images, float32 or uint8, of any number. The signature
    `"serving_default"` takes float32 and `"serving_uint8"` takes uint8 `images`; `"serving_encoded"` takes `encoded`,
    the bytes of JPEG or PNG files, upright ones (it does not read EXIF orientation), and scales their centres to the
    model's size. All return `predictions`. Where `images` are float, the file takes float32 only, since the model's
    images may not be pixel values.
    `assets.extra` has labels and metadata. Up to four million weights are constants of the graph, which runs faster;
    where there are more, they are variables, which takes less memory. The folder is loaded, run, and put in place only
    if it answers as `model.predict` does.

    Args:
        model: Functional `keras.Model`, built on any backend, from images of a fixed size, channels last, to one
            output. Backends other than TensorFlow hand it to a TensorFlow process.
        path: The folder to write. A SavedModel that is there is replaced.
        images: Array `(n, height, width, channels)`, uint8 or float, of images as the model takes them, to compare
            on. Default: the package's sample images, pixel values 0 to 255, in the model's size.
        labels: Names of the classes, which the file then carries.
        optimize: Whether to rewrite the model for inference, see `dia_keras.export.optimize`.
        test: Images and labels, `((n, height, width, channels), (n,))`, on which the accuracies of file and model are
            measured for the report.
        tolerance: The largest difference allowed: absolute for probabilities, relative to the largest for logits.

    Returns:
        An `ExportReport`.

    Raises:
        ExportMismatchError: Where the file does not answer as the model does. Nothing is written, as with any error.
        ValueError: On a model, a path, images or labels that cannot be used.
        ImportError: Without the packages of `dia_keras[export]`.

    Example:

    >>> to_saved_model(model, "dia_resnet20")
    >>> tf.saved_model.load("dia_resnet20")(images)
    """
    return _export("saved_model", model, path, images, "float32", labels, optimize, test, tolerance)


def to_tflite(
    model: keras.Model,
    path: PathLike,
    images: np.ndarray | None = None,
    *,
    quantize: Literal["float16", "dynamic", "int8", "int16x8"] | None = None,
    representative: np.ndarray | None = None,
    batch_size: int | None = 1,
    input_dtype: Literal["uint8", "float32", "int8"] | None = None,
    labels: Sequence[str] | None = None,
    optimize: bool = True,
    test: Test | None = None,
    tolerance: float | None = None,
) -> ExportReport:
    """Exports a model as a TFLite file, for LiteRT on phones and small devices.

    Its one signature takes `images`, as the model takes them, and returns float32 `predictions`, however the file
    computes in between (but see `input_dtype`). It is a zip archive, too, of `labels.txt` and `metadata.json`, as
    TFLite Metadata has it. It is run with `ai_edge_litert`, and put in place only if it answers as `model.predict`
    does.

    Args:
        model: Functional `keras.Model`, see `to_saved_model`.
        path: The file to write, `*.tflite`. A file that is there is replaced.
        images: Images to compare on, see `to_saved_model`.
        quantize: What the file holds and computes in: `None` is float32; `"float16"` halves the weights, which are made
            float32 again when it is loaded; `"dynamic"` has int8 weights, and quantises what flows at each run;
            `"int8"` has int8 weights and int8 activations; `"int16x8"` has int8 weights and int16 activations.
            What TFLite has in float only, such as the square root of SRM in int16, computes in float; in int8 so does
            what would divide the file into more parts for LiteRT's CPU delegate, such as the softmax at the end.
        representative: Training images, `(n, height, width, channels)`, uint8 or float, on which the ranges of the
            activations are measured: a hundred or more, for `"int8"` and `"int16x8"` only.
        batch_size: Number of images the file takes at a time. `None` is any number, which runs slower on one image.
        input_dtype: Dtype of the images that the file takes. Default: `"uint8"`, but `"float32"` for `"int16x8"`, which
            cannot take integers, and where any images given are float. `"int8"`, with `quantize="int8"`, is for chips
            that compute in integers alone: the file takes 128 less than pixel values, and returns int8 predictions, in
            the scale that its output tensor has.
        labels: Names of the classes, which the file then carries.
        optimize: Whether to rewrite the model for inference, see `dia_keras.export.optimize`.
        test: Test images and labels for the report, see `to_saved_model`.
        tolerance: The largest difference allowed, see `to_saved_model`. Default: 1e-4 in float32, 0.02 in float16, 0.2
            for dynamic ranges, and 0.5 where the activations are quantised too.

    Returns:
        An `ExportReport`.

    Raises:
        ExportMismatchError: Where the file does not answer as the model does. Nothing is written, as with any error.
        ValueError: On a model, a path, images or labels that cannot be used, or an op that `quantize` has not.
        ImportError: Without the packages of `dia_keras[export]`.

    Example:

    >>> to_tflite(model, "dia_resnet20.tflite").size_bytes
    >>> to_tflite(model, "dia_resnet20_int8.tflite", quantize="int8", representative=train.images[:200])
    """
    if batch_size is not None:
        if not is_integer(batch_size, 1, math.inf):
            raise ValueError(f"`batch_size` must be a positive integer or None. Received: batch_size={batch_size!r}")
        batch_size = int(batch_size)
    check_quantization("tflite", quantize, representative)
    if quantize in CALIBRATED and batch_size is None:
        raise ValueError(f"`batch_size` must be an integer for quantize={quantize!r}. Received: batch_size=None")
    if tolerance is None:
        tolerance = TOLERANCES[quantize]
    options = {"batch_size": batch_size, "quantize": quantize, "representative": representative}
    return _export("tflite", model, path, images, input_dtype, labels, optimize, test, tolerance, **options)


def to_onnx(
    model: keras.Model,
    path: PathLike,
    images: np.ndarray | None = None,
    *,
    quantize: Literal["int8"] | None = None,
    representative: np.ndarray | None = None,
    opset: int = 17,
    input_dtype: Literal["uint8", "float32"] | None = None,
    labels: Sequence[str] | None = None,
    optimize: bool = True,
    test: Test | None = None,
    tolerance: float | None = None,
) -> ExportReport:
    """Exports a model as an ONNX file, for ONNX Runtime and others.

    It takes `images`, any number (dimension `batch`), as the model takes them, and returns float32 `predictions`; its
    metadata properties have labels and normalisation. The file passes `onnx.checker`, is run with ONNX Runtime, and put
    in place only if it answers as `model.predict` does.

    Args:
        model: Functional `keras.Model`, see `to_saved_model`.
        path: The file to write, `*.onnx`. A file that is there is replaced.
        images: Images to compare on, see `to_saved_model`.
        quantize: `None` is float32; `"int8"` has int8 weights and uint8 activations in the convolutions and what
            follows them, and leaves the attention in float32.
        representative: Training images, see `to_tflite`, for `"int8"` only.
        opset: Version of the ONNX operators, 13 to 18.
        input_dtype: Dtype of the images that the file takes. Default: `"uint8"`, but `"float32"` where any images given
            are float.
        labels: Names of the classes, which the file then carries.
        optimize: Whether to rewrite the model for inference, see `dia_keras.export.optimize`.
        test: Test images and labels for the report, see `to_saved_model`.
        tolerance: The largest difference allowed, see `to_saved_model`. Default: 1e-4 in float32, 0.5 in int8.

    Returns:
        An `ExportReport`.

    Raises:
        ExportMismatchError: Where the file does not answer as the model does. Nothing is written, as with any error.
        ValueError: On a model, a path, images or labels that cannot be used.
        ImportError: Without the packages of `dia_keras[export]`.

    Example:

    >>> to_onnx(model, "dia_resnet20.onnx").max_difference
    """
    if not is_integer(opset, 13, 18):
        raise ValueError(f"`opset` must be an integer from 13 to 18. Received: opset={opset!r}")
    check_quantization("onnx", quantize, representative)
    if tolerance is None:
        tolerance = TOLERANCES[quantize]
    options = {"opset": int(opset), "quantize": quantize, "representative": representative}
    return _export("onnx", model, path, images, input_dtype, labels, optimize, test, tolerance, **options)


def _export(
    format: str, model, path, images, input_dtype, labels, optimize, test, tolerance: float, **options
) -> ExportReport:
    start = time.perf_counter()
    check_packages(format)
    check_model(model)
    path = path_for(format, path)
    labels = labels_for(model, labels)
    check_tolerance(tolerance)
    tolerance = float(tolerance)
    images = images_for(model, images)
    quantize = options.get("quantize")
    representative = options.get("representative")
    if representative is not None:
        representative = options["representative"] = images_for(model, representative, "representative")
    test = test_set(model, test)
    if format == "saved_model":  # which takes several dtypes
        of_pixels = options["of_pixels"] = images.dtype == np.uint8
    else:
        given = {"images": images, "representative": representative, "test images": test[0] if test else None}
        input_dtype = options["input_dtype"] = input_dtype_for(format, input_dtype, quantize, **given)
        of_pixels = all(each is None or each.dtype == np.uint8 for each in given.values())
    trained, model = model, in_float32(model)
    expected = model.predict(images.astype("float32"), verbose=0)
    if model is not trained:
        check_twin(trained, images, expected)
    # XLA, which may compile a SavedModel, gains by pooling before the last convolution; other runtimes do not.
    network = inference.optimize(model, pool_first=format == "saved_model") if optimize else model
    options["metadata"] = describe(model, input_dtype, labels, of_pixels)
    with staged(path) as target:
        found = convert_and_check(format, network, target, images, expected, tolerance, options, test)
        size = size_of(target)
    seconds = time.perf_counter() - start - found.pop("test_seconds", 0.0)
    if test:
        found["model_top1"] = top1(lambda part: model.predict(part, verbose=0), *test)
    return ExportReport(path, format, quantize, size, seconds, images=len(images), **found)
