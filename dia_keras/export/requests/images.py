"""The images of an export: those to compare on, to calibrate on and to test on, from what the caller gives."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np

from ...data.picture import resized_pixels
from ...samples import load_samples
from ..format import Format
from ..metadata import normalizes_pixels

Test = tuple[np.ndarray, np.ndarray]
#: Images, or what yields them: a `tf.data.Dataset`, a generator, or as in TFLite's own API a function that returns one.
Representative = np.ndarray | Iterable[Any] | Callable[[], Iterable[Any]]
#: Number of images to take from a data set or a generator, which may have no end.
MOST = 1000


def images_for(model: keras.Model, images, argument: str = "images") -> np.ndarray:
    """Returns images, uint8 or float32.

    Args:
        model: The model that takes them.
        images: The images.
        argument: What they are called, for the message.

    Raises:
        ValueError: On images that the model does not take.
    """
    shape = tuple(model.inputs[0].shape[1:])
    images = _array(argument, images)
    real = images.dtype == np.uint8 or np.issubdtype(images.dtype, np.floating)
    if not real or images.shape[1:] != shape or len(images) == 0:
        raise ValueError(
            f"`{argument}` must be uint8 or float, of shape (n, {', '.join(map(str, shape))}). "
            f"Received: {argument} of dtype {images.dtype} and shape {images.shape}"
        )
    if not np.isfinite(images).all():
        raise ValueError(f"`{argument}` must be finite. Received: {argument} with NaN or infinite values")
    return images if images.dtype == np.uint8 else images.astype("float32")


def test_set(model: keras.Model, test) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns the test images and their labels, `(n,)`; Keras' own data sets have labels `(n, 1)`.

    Raises:
        ValueError: Where they do not fit the model or each other.
    """
    if test is None:
        return None
    if not isinstance(test, tuple) or len(test) != 2:
        raise ValueError(f"`test` must be images and labels, `(images, labels)`. Received: {type(test).__name__}")
    images, labels = images_for(model, test[0], "test images"), _array("test labels", test[1])
    classes = model.outputs[0].shape[1:]
    if len(classes) != 1 or classes[0] == 1:
        raise ValueError(f"`test` is for models of two classes and more. Received: a model whose output has {classes=}")
    if labels.shape == (len(images), 1):
        labels = labels[:, 0]
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"`test` must have one label, an integer, for each of its {len(images)} images. "
            f"Received: labels of dtype {labels.dtype} and shape {labels.shape}"
        )
    if not (labels.min() >= 0 and labels.max() < classes[0]):
        raise ValueError(
            f"`test` must have labels from 0 to {classes[0] - 1}. "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )
    return images, labels


def default_images(
    format: Format, model: keras.Model, input_dtype: str | None, ranges: np.ndarray | None, test: Test | None
) -> np.ndarray:
    """Returns images to compare on where none were given.

    They are the sample images for a model that takes pixel values: it normalizes them, or the file is to take them.
    For others, they are some of the representative or test images, or the sample images of values 0 to 1.

    Raises:
        ValueError: Where nothing says which images the model takes.
    """
    takes_pixels = normalizes_pixels(model) or input_dtype not in (None, "float32")
    others = [images for images in (ranges, test[0] if test else None) if images is not None]
    if others and not takes_pixels:
        return others[0][: len(load_samples()[0])]
    samples = pixel_samples(model)
    if takes_pixels:
        return samples
    if input_dtype == "float32":
        return samples.astype("float32") / 255
    arguments = "`images`" if format.takes_any_dtype else "`images` or `input_dtype`"
    raise ValueError(
        f"{arguments} must be given for a model without a normalization of pixel values of its own, which may take "
        "values from 0 to 255, from 0 to 1 or others: uint8 for pixel values, float32 for others. "
        f"Received: model={model.name!r} alone"
    )


def pixel_samples(model: keras.Model) -> np.ndarray:
    """Returns the sample images as a model takes them, uint8: gray for one channel; for two, four and more, red, green
    and blue in turn."""
    height, width, channels = model.inputs[0].shape[1:]
    samples = resized(load_samples()[0], height, width)
    if channels == 1:
        return resized_pixels(samples, None, channels=1)
    return samples[..., np.arange(channels) % samples.shape[-1]]


def resized(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns uint8 images of another size, out of shape."""
    from PIL import Image

    if images.shape[1:3] == (height, width):
        return images
    return np.stack([np.asarray(Image.fromarray(image).resize((width, height))) for image in images])


def collected(representative: Representative):
    """Returns the images of a data set or a generator as one array, and anything else as it is.

    Each item is an image, a batch of images, or a tuple, list or dictionary that begins with either.

    Raises:
        ValueError: Where there are no images, or images of several sizes.
    """
    source = representative() if callable(representative) else representative
    if not isinstance(source, Iterable) or isinstance(source, (list, tuple, str)) or hasattr(source, "__array__"):
        return source
    batches: list[np.ndarray] = []
    number = 0
    for item in source:
        if isinstance(item, (Mapping, list, tuple)) and not item:
            raise ValueError(f"`representative` must have images. Received: an item without any, {item!r}")
        item = next(iter(item.values())) if isinstance(item, Mapping) else item
        images = _array("representative", item[0] if isinstance(item, (list, tuple)) else item)
        batches.append(images if images.ndim == 4 else images[None])
        number += len(batches[-1])
        if number >= MOST:
            break
    if not batches:
        raise ValueError(f"`representative` must have images. Received: an empty {type(source).__name__}")
    try:
        return np.concatenate(batches)[:MOST]
    except ValueError as error:
        raise ValueError(f"`representative` must be of images of one size. NumPy says: {error}") from error


def _array(argument: str, values) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"`{argument}` must be one array. NumPy says: {error}") from error
