"""What the exporters accept."""

import importlib.util
from pathlib import Path

import keras
import numpy as np

from ..samples import load_samples
from .config import entries

PACKAGES = {
    "saved_model": ("tensorflow",),
    "tflite": ("tensorflow", "ai_edge_litert"),
    "onnx": ("tensorflow", "tf2onnx", "onnx", "onnxruntime"),
}
SUFFIXES = {"tflite": ".tflite", "onnx": ".onnx"}
# By quantisation: how much a file may differ from its model, unless the caller says. Of 1,000 test images of CIFAR-100,
# DIA-ResNet20 differed by 0.007 (float16), 0.065 (dynamic), 0.17 (int8) and 0.23 (int16x8) at most.
TOLERANCES = {None: 1e-4, "float16": 0.02, "dynamic": 0.2, "int8": 0.5, "int16x8": 0.5}
# Those that measure the ranges of activations.
CALIBRATED = ("int8", "int16x8")


def check_packages(format: str) -> None:
    """Raises an `ImportError` where a package that writes or runs the format is missing."""
    missing = [name for name in PACKAGES[format] if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"`to_{format}` needs {', '.join(missing)}. Install with `pip install dia_keras[export]`")


def check_path(format: str, path: Path) -> None:
    """Raises a `ValueError` where `path` is not a name for the format, or something else is there."""
    suffix = SUFFIXES.get(format)
    if suffix is None:
        foreign = path.exists() and not (path / "saved_model.pb").is_file()
        if foreign and not (path.is_dir() and not any(path.iterdir())):
            raise ValueError(f"`path` must be new, an empty folder or a SavedModel. Received: path='{path}'")
    elif path.suffix != suffix or path.is_dir():
        raise ValueError(f"`path` must be a file named *{suffix}. Received: path='{path}'")


def check_model(model) -> None:
    """Raises a `ValueError` where `model` is not a functional model from one image of known size to one output."""
    if not isinstance(model, keras.Model) or len(getattr(model, "inputs", None) or ()) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"`model` must be a functional `keras.Model` with one input and one output. Received: model={model!r}"
        )
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != 3 or None in shape:
        raise ValueError(
            "`model` must take images of a fixed size: build it with `input_shape=(height, width, channels)`. "
            f"Received: model={model.name!r} with images of shape {shape}"
        )
    if any(entry["data_format"] == "channels_first" for entry in entries(model.get_config(), "data_format")):
        raise ValueError(
            "`model` must be channels-last: call `keras.config.set_image_data_format('channels_last')`, build it again "
            f"and copy the weights. Received: model={model.name!r} with channels_first layers"
        )


def check_quantization(quantize, representative, batch_size) -> None:
    """Raises a `ValueError` on a quantisation that there is not, or that lacks its representative images."""
    if quantize not in TOLERANCES:
        names = ", ".join(map(repr, TOLERANCES))
        raise ValueError(f"`quantize` must be one of {names}. Received: quantize={quantize!r}")
    if quantize in CALIBRATED and representative is None:
        raise ValueError(f"`representative` must be training images for quantize={quantize!r}. Received: None")
    if quantize not in CALIBRATED and representative is not None:
        raise ValueError(
            f"`representative` is for {' and '.join(map(repr, CALIBRATED))} only. Received: quantize={quantize!r}"
        )
    if quantize in CALIBRATED and batch_size is None:
        raise ValueError(f"`batch_size` must be an integer for quantize={quantize!r}. Received: batch_size=None")


def images_for(model: keras.Model, images, argument: str = "images") -> np.ndarray:
    """Returns the images to compare on, or the sample images in the model's size.

    Args:
        model: The model that takes them.
        images: The images, or `None`.
        argument: What they are called, for the message.

    Raises:
        ValueError: On images that the model does not take.
    """
    shape = tuple(model.inputs[0].shape[1:])
    if images is None:
        if shape[-1] != 3:
            raise ValueError(f"`images` must be given for a model whose images are not RGB, but of shape {shape}")
        return _resized(load_samples()[0], *shape[:2])
    images = np.asarray(images)
    real = images.dtype == np.uint8 or np.issubdtype(images.dtype, np.floating)
    if not real or images.shape[1:] != shape or len(images) == 0:
        raise ValueError(
            f"`{argument}` must be uint8 or float, of shape (n, {', '.join(map(str, shape))}). "
            f"Received: {argument} of dtype {images.dtype} and shape {images.shape}"
        )
    return images


def _resized(images: np.ndarray, height: int, width: int) -> np.ndarray:
    from PIL import Image

    if images.shape[1:3] == (height, width):
        return images
    return np.stack([np.asarray(Image.fromarray(image).resize((width, height))) for image in images])
