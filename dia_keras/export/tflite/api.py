"""The exporter to TFLite."""

import os
from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np

from ...data.picture import Resize
from ..exporter import export_model
from ..report import ExportReport
from ..requests.images import Representative
from .format import TFLITE


def to_tflite(
    model: keras.Model,
    path: str | os.PathLike[str],
    images: np.ndarray | None = None,
    *,
    quantize: Literal["float16", "dynamic", "int8", "int16x8"] | None = None,
    representative: Representative | None = None,
    batch_size: int | None = 1,
    input_dtype: Literal["uint8", "float32", "int8"] | None = None,
    labels: Sequence[str] | None = None,
    resize: Resize | None = None,
    optimize: bool = True,
    test: tuple[np.ndarray, np.ndarray] | None = None,
    tolerance: float | None = None,
) -> ExportReport:
    """Exports a model as a TFLite file, for LiteRT on phones and small devices.

    Its one signature takes `images`, as the model takes them, and returns float32 `predictions`, whatever the file
    computes in (but see `input_dtype`). Unless it is a detector's, it has TFLite Model Metadata, from which MediaPipe
    Tasks and others know how to feed it and what its classes are called; as there, it is also a zip archive of
    `labels.txt`, and of `metadata.json`. It is run with `ai_edge_litert`, and put in place only if it answers as
    `model.predict` does.

    Args:
        model: Functional `keras.Model`, see `to_saved_model`; or a `dia_keras.detection.RetinaNet`, in float32, whose
            file gives boxes and scores of all anchors, without non-maximum suppression.
        path: The file to write, `*.tflite`. It replaces an existing file.
        images: Images to compare on, see `to_saved_model`.
        quantize: What the file holds and computes in. `None` is float32. `"float16"` halves the weights, which become
            float32 again when the file is loaded. `"dynamic"` has int8 weights, and quantizes the activations at each
            run. `"int8"` has int8 weights and int8 activations. `"int16x8"` has int8 weights and int16 activations.
            Ops that TFLite supports in float only, such as the square root of SRM in int16, compute in float. In int8,
            so do ops that would split the file into more parts for LiteRT's CPU delegate, such as the final softmax.
        representative: Training images, `(n, height, width, channels)`, uint8 or float, on which to measure the ranges
            of the activations: a hundred or more, for `"int8"` and `"int16x8"` only. Also a `tf.data.Dataset`, a
            generator, or a function that returns one, of images or batches, of which the first 1000 images are used.
        batch_size: Number of images that the file takes at a time. `None` is any number, which is slower on one image.
        input_dtype: Dtype of the images that the file takes. Default: `"uint8"`, but `"float32"` for `"int16x8"`, which
            cannot take integers, and where any images given are float. A model without a normalization of pixel values
            of its own needs this argument or images: `"uint8"` says that it takes pixel values, 0 to 255. `"int8"`,
            with `quantize="int8"`, is for chips that compute in integers alone: the file takes pixel values minus 128,
            and returns int8 predictions, in the scale of its output tensor.
        labels: Names of the classes, which the file then carries.
        resize: How images of other sizes become the model's, which the file then says, see `to_saved_model`.
        optimize: Whether to rewrite the model for inference, see `dia_keras.export.optimize`.
        test: Test images and labels for the report, see `to_saved_model`.
        tolerance: The largest difference allowed on `images`, see `to_saved_model`. Default: 1e-4 in float32, 0.02 in
            float16, 0.2 for dynamic ranges, and 0.5 where the activations are quantized too.

    Returns:
        An `ExportReport`. If its `agreement` of the best classes is below 0.95, the log of `dia_keras` has a warning.

    Raises:
        ExportMismatchError: Where the file does not answer as the model does. Nothing is written, as with any error.
        ValueError: On a model, a path, images or labels that cannot be used, or an op that `quantize` does not support.
        ImportError: Without the packages of `dia_keras[export]`.

    Example:

    >>> to_tflite(model, "dia_resnet20.tflite").size_bytes
    >>> to_tflite(model, "dia_resnet20_int8.tflite", quantize="int8", representative=train.images[:200])
    """
    return export_model(
        TFLITE,
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
        options={"batch_size": batch_size},
    )
