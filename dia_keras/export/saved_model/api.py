"""The exporter to SavedModel."""

import os
from collections.abc import Sequence

import keras
import numpy as np

from ...data.picture import Resize
from ..exporter import export_model
from ..report import ExportReport
from .format import SAVED_MODEL


def to_saved_model(
    model: keras.Model,
    path: str | os.PathLike[str],
    images: np.ndarray | None = None,
    *,
    labels: Sequence[str] | None = None,
    resize: Resize | None = None,
    optimize: bool = True,
    test: tuple[np.ndarray, np.ndarray] | None = None,
    tolerance: float | None = None,
) -> ExportReport:
    """Exports a model as a TensorFlow SavedModel, which needs neither Keras nor dia_keras.

    `tf.saved_model.load(path)` gives a function of any number of images, float32 or uint8. The signature
    `"serving_default"` takes float32 `images`, and `"serving_uint8"` takes uint8 `images`. `"serving_encoded"` takes
    `encoded`, the bytes of JPEG or PNG files, and gives them the model's size as `resize` says; it does not read EXIF
    orientation, so the pictures must be upright, and it drops transparency and the lower half of 16 bits. All return
    `predictions`, and those of a detector what its `predict` does. If the `images` given here are float, the
    file takes float32 only, since the model's images may not be pixel values.
    `assets.extra` has labels and metadata. Up to four million weights are constants of the graph, which runs faster;
    more weights are variables, which takes less memory. The folder is loaded and run, and it is put in place only if
    it answers as `model.predict` does.

    Args:
        model: Functional `keras.Model`, built on any backend, from images of a fixed size, channels last, to one
            output; or a detector of `dia_keras.detection`, whose file gives what its `predict` does. On backends other
            than TensorFlow, a TensorFlow process converts it.
        path: The folder to write. It replaces an existing SavedModel.
        images: Array `(n, height, width, channels)`, uint8 or float, of images as the model takes them, to compare
            on. Default: the package's sample images, pixel values 0 to 255, in the model's size, for a model that
            begins with a normalization of pixel values. Other models may take anything: they need images.
        labels: Names of the classes, which the file then carries.
        resize: How images of other sizes become the model's, which the file then says: `"crop"`, `"stretch"`, `"pad"`
            or `"center"`, see `dia_keras.data.load`. `"serving_encoded"` does so, and so do the programs in `export/`.
            Default: `"crop"`; for detectors, `"pad"`. The card of an entry or a run has its own.
        optimize: Whether to rewrite the model for inference, see `dia_keras.export.optimize`.
        test: Images and labels, `((n, height, width, channels), (n,))`, on which to measure the accuracies of file and
            model for the report.
        tolerance: The largest difference allowed: absolute for probabilities, relative to the largest for logits; of
            detections, of their scores, and of their boxes in parts of the input's longer side.

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
    return export_model(
        SAVED_MODEL,
        model,
        path,
        images,
        labels=labels,
        resize=resize,
        optimize=optimize,
        test=test,
        tolerance=tolerance,
    )
