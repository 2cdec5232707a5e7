"""Checks of the exporters' arguments."""

import importlib.util
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...arguments import boolean, is_number
from ...data.picture import check_resize
from ...inference.copies import is_quantized
from ...pixel_range import PixelRangeWarning, range_problem
from ..format import Format, Quantization
from ..metadata import normalizes_pixels
from .images import Representative, Test, collected, default_images, images_for, test_set
from .request import Request


def checked_request(
    format: Format,
    model: keras.Model,
    path: str | os.PathLike[str],
    images: np.ndarray | None = None,
    *,
    quantize: str | None = None,
    representative: Representative | None = None,
    input_dtype: str | None = None,
    labels: Sequence[str] | None = None,
    resize: str | None = None,
    optimize: bool = True,
    test: Test | None = None,
    tolerance: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> Request:
    """Returns a request for an export, with defaults filled in.

    Args:
        format: The format. Its own options are in `options`; all other arguments are those of its exporter.

    Raises:
        ValueError: On an argument that cannot be used.
        ImportError: Where a package that writes or runs the format is missing.
    """
    check_quantization(format, quantize, representative)
    optimize = boolean("optimize", optimize)
    resize = "crop" if resize is None else resize
    check_resize(resize)
    options = format.checked_options(quantize, options or {})
    check_packages(format)
    check_model(model)
    if is_quantized(model) and not format.takes_quantized_models:
        raise ValueError(
            f"`model` must be in float for {format.name}: use the argument `quantize`, not `model.quantize`. "
            f"Received: model={model.name!r} with quantized layers"
        )
    path = path_for(format, path)
    names = labels_for(model.outputs[0].shape[-1], labels)
    tolerance = tolerance_for(format.quantizations[quantize], tolerance)
    ranges = None if representative is None else images_for(model, collected(representative), "representative")
    test = test_set(model, test)
    images = (
        images_for(model, images) if images is not None else default_images(format, model, input_dtype, ranges, test)
    )
    arrays = {"images": images, "representative": ranges, "test": test[0] if test else None}
    given = {name: array for name, array in arrays.items() if array is not None}
    if normalizes_pixels(model):
        warn_of_ranges(given)
    floats = [
        name
        for name, array in given.items()
        if array.dtype != np.uint8 and (name == "images" or not format.takes_any_dtype)
    ]
    return Request(
        format=format.name,
        path=path,
        images=images,
        quantize=quantize,
        representative=ranges,
        input_dtype=input_dtype_for(format, quantize, input_dtype, floats),
        of_pixels=not floats,
        labels=names,
        resize=resize,
        optimize=optimize,
        test=test,
        tolerance=tolerance,
        options=options,
    )


def warn_of_ranges(given: Mapping[str, np.ndarray]) -> None:
    """Gives a `dia_keras.PixelRangeWarning` for each array of images that does not look like pixel values."""
    for name, images in given.items():
        problem = range_problem(images)
        if problem is not None:
            warnings.warn(f"`{name}` has images that look like {problem}.", PixelRangeWarning, stacklevel=5)


def check_packages(format: Format) -> None:
    """Raises an `ImportError` where a package that writes or runs the format is missing."""
    missing = [name for name in format.packages if importlib.util.find_spec(name) is None]
    if missing:
        # The extra `export` leaves TensorFlow to the user, who may have its CPU form.
        extras = "tensorflow,export" if "tensorflow" in missing else "export"
        raise ImportError(
            f'`to_{format.name}` needs {", ".join(missing)}. Install with `pip install "dia_keras[{extras}]"`'
        )


def path_for(format: Format, path) -> Path:
    """Returns the absolute path of the file or folder to write.

    Raises:
        ValueError: Where `path` is not a name for the format, or something else is there.
    """
    try:
        absolute = Path(path).absolute()
        if "\0" in str(absolute):
            raise ValueError(f"`path` must not have a null character. Received: path={str(absolute)!r}")
        format.check_path(absolute)
    except TypeError as error:
        raise ValueError(f"`path` must be a string or a `pathlib.Path`. Received: path={path!r}") from error
    except OSError as error:  # a name that is too long
        raise ValueError(
            f"`path` must be one that can be written ({error.strerror}). Received: path={path!r}"
        ) from error
    return absolute


def check_model(model) -> None:
    """Raises a `ValueError` where `model` is not a functional model from one image of known size to one output."""
    if isinstance(model, keras.Sequential) and not model.built:
        raise ValueError(
            f"`model` must be built: begin it with `keras.Input((height, width, channels))`. Received: model={model!r}"
        )
    has_inputs = isinstance(model, keras.Model) and getattr(model, "inputs", None)
    if not has_inputs or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"`model` must be a functional `keras.Model` with one input and one output. Received: model={model!r}"
        )
    if not isinstance(model, keras.Sequential) and isinstance(model.output, dict):
        raise ValueError(
            "`model` must return its predictions alone, as `keras.Model(model.inputs, model.outputs)` does. "
            f"Received: model={model.name!r}, which returns a dict of {', '.join(map(repr, model.output))}"
        )
    if tuple(model.outputs[0].shape)[:1] != (model.inputs[0].shape[0],):
        raise ValueError(
            "`model` must return predictions of every image, `(batch, ...)`. "
            f"Received: model={model.name!r} with an output of shape {tuple(model.outputs[0].shape)}"
        )
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or None in shape:
        raise ValueError(
            "`model` must take images of a fixed size: build it with `input_shape=(height, width, channels)`. "
            f"Received: model={model.name!r} with images of shape {shape}"
        )
    if any(getattr(layer, "data_format", None) == "channels_first" for layer in model._flatten_layers()):
        raise ValueError(
            "`model` must be channels-last: call `keras.config.set_image_data_format('channels_last')`, build it again "
            f"and copy the weights. Received: model={model.name!r} with channels_first layers"
        )


def check_quantization(format: Format, quantize, representative) -> None:
    """Raises a `ValueError` on a quantization that the format does not support, or without representative images."""
    if not isinstance(quantize, str | None) or quantize not in format.quantizations:
        names = ", ".join(map(repr, format.quantizations))
        raise ValueError(f"`quantize` must be one of {names}. Received: quantize={quantize!r}")
    is_calibrated = format.quantizations[quantize].calibrated
    if is_calibrated and representative is None:
        raise ValueError(f"`representative` must be training images for quantize={quantize!r}. Received: None")
    if not is_calibrated and representative is not None:
        calibrated = " and ".join(
            repr(name) for name, quantization in format.quantizations.items() if quantization.calibrated
        )
        raise ValueError(f"`representative` is for {calibrated} only. Received: quantize={quantize!r}")


def tolerance_for(quantization: Quantization, tolerance) -> float:
    """Returns the largest difference allowed.

    Raises:
        ValueError: Where `tolerance` is not a number of at least 0.
    """
    if tolerance is None:
        return quantization.tolerance
    if not is_number(tolerance) or not float(tolerance) >= 0:
        raise ValueError(f"`tolerance` must be a number of at least 0. Received: tolerance={tolerance!r}")
    return float(tolerance)


def input_dtype_for(format: Format, quantize: str | None, input_dtype: str | None, floats: Sequence[str]) -> str:
    """Returns the dtype of the images that a file takes: by default the format's first, but float32 for float images.

    Args:
        format: The format.
        quantize: The quantization.
        input_dtype: What the caller asks for.
        floats: Names of the arguments with float images.

    Raises:
        ValueError: On a dtype that is not possible.
    """
    possible = format.quantizations[quantize].input_dtypes
    if input_dtype is None:
        return "float32" if floats else possible[0]
    if not isinstance(input_dtype, str) or input_dtype not in format.input_dtypes:
        names = ", ".join(map(repr, format.input_dtypes))
        raise ValueError(f"`input_dtype` must be one of {names}. Received: input_dtype={input_dtype!r}")
    if input_dtype not in possible:
        rule = f"must be {possible[0]!r}" if len(possible) == 1 else f"must not be {input_dtype!r}"
        raise ValueError(f"`input_dtype` {rule} for quantize={quantize!r}. Received: input_dtype={input_dtype!r}")
    if input_dtype != "float32" and floats:
        raise ValueError(
            f"`input_dtype` must be 'float32' where `{floats[0]}` are float. Received: input_dtype={input_dtype!r}"
        )
    return input_dtype


def labels_for(classes: int | None, labels) -> tuple[str, ...] | None:
    """Returns the names of a number of classes.

    Raises:
        ValueError: Where there are no classes, or the names are others, have no order, or one is not exactly a line.
    """
    if labels is None:
        return None
    if classes is None:
        raise ValueError(f"`labels` are for a model that answers with classes, (batch, classes). Received: {labels!r}")
    if isinstance(labels, (set, frozenset, Mapping)):
        raise ValueError(
            "`labels` must be a list in the order of the classes, which a set does not keep, and a dict need not have. "
            f"Received: {labels!r}"
        )
    names = tuple(labels) if isinstance(labels, Iterable) and not isinstance(labels, str) else ()
    if len(names) != classes or not all(map(_is_line, names)):
        raise ValueError(f"`labels` must be the names of {classes} classes, a line each. Received: labels={labels!r}")
    return names


def _is_line(name: Any) -> bool:
    """Returns whether a name is a line of text that can be written as UTF-8, which surrogates cannot."""
    return isinstance(name, str) and name.splitlines() == [name] and not any("\ud800" <= c <= "\udfff" for c in name)
