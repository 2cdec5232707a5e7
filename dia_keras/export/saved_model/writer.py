"""Writing SavedModels."""

import json
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from ..frozen_graph import freeze, named, output_names, traced
from ..requests.request import Request
from .layout import ENCODED, EXTRA, SIGNATURES

#: Up to this number, weights are constants, which run faster. Every signature makes copies of them when it is saved and
#: when it runs, which takes too much memory for the 32 million of ResNeXt101.
CONSTANTS = 4_000_000


class _Predictor(tf.Module):
    def __init__(self, function, names, variables=()):
        super().__init__()
        self._function = function
        # A function, as TensorFlow would save a list with the model.
        self._answers = lambda outputs: outputs[0] if is_alone(names) else dict(zip(names, outputs, strict=True))
        self._variables = list(variables)

    @tf.function
    def __call__(self, images):
        return self._answers(self._function(tf.cast(images, tf.float32)))


def is_alone(names: list[str]) -> bool:
    """Whether a model's only output is "predictions"."""
    return names == ["predictions"]


def write(model: keras.Model, request: Request, metadata: Mapping[str, Any]) -> None:
    """Writes the folder, with signatures for uint8 and encoded images if the images are pixels, and `assets.extra/`.

    Only "predictions" are of encoded images: boxes would be those of the center.
    """
    names = output_names(model)
    if model.count_params() <= CONSTANTS:
        function = freeze(model)
        predictor = _Predictor(function, names)
    else:
        function = traced(model)
        predictor = _Predictor(function, names, [variable.value for variable in model.variables])
    dtypes = {name: dtype for name, dtype in SIGNATURES.items() if request.of_pixels or dtype == "float32"}
    for dtype in dtypes.values():
        predictor.__call__.get_concrete_function(tf.TensorSpec(function.inputs[0].shape, dtype, name="images"))
    signatures = {name: named(function, names, dtype) for name, dtype in dtypes.items()}
    if is_alone(names) and request.of_pixels and function.inputs[0].shape[-1] in (1, 3):
        signatures[ENCODED] = _encoded(function, request.resize)
    tf.saved_model.save(predictor, str(request.path), signatures=signatures)
    extra = request.path / EXTRA
    extra.mkdir()
    (extra / "metadata.json").write_text(json.dumps(metadata, indent=1), encoding="utf-8")
    if request.labels:
        (extra / "labels.txt").write_text("\n".join(request.labels) + "\n", encoding="utf-8")


def _encoded(function, resize: str):
    """Returns the function as a signature of JPEG, PNG, GIF or BMP bytes, which get the model's size by a rule."""
    height, width, channels = function.inputs[0].shape[1:]

    def decode(data):
        image = tf.io.decode_image(data, 3, expand_animations=False)
        image.set_shape((None, None, 3))
        return _resized(_gray(image) if channels == 1 else image, height, width, resize)

    def predict(encoded):
        images = tf.map_fn(decode, encoded, fn_output_signature=tf.TensorSpec((height, width, channels), tf.float32))
        return {"predictions": function(images)[0]}

    return tf.function(predict).get_concrete_function(tf.TensorSpec((None,), tf.string, name="encoded"))


def _gray(image):
    """Returns RGB pixels as gray ones, as Pillow computes them. TensorFlow reads no GIF and BMP files as gray."""
    weights = tf.constant([19595, 38470, 7471])  # parts of 65536
    return (tf.reduce_sum(tf.cast(image, tf.int32) * weights, axis=-1, keepdims=True) + 32768) // 65536


def _resized(image, height: int, width: int, resize: str):
    """Returns an image of another size, as `dia_keras.data.picture.resized` but for roundings."""
    size = tf.shape(image)[:2]

    def scaled(pixels, new_size):
        return tf.round(tf.image.resize(pixels, new_size, antialias=True))

    if resize == "stretch":
        return scaled(image, (height, width))
    if resize == "pad":
        scale = tf.reduce_min((height, width) / size)
        inner = tf.maximum(tf.cast(tf.round(scale * tf.cast(size, tf.float64)), tf.int32), 1)
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        return tf.image.pad_to_bounding_box(scaled(image, inner), top, left, height, width)
    scale = tf.reduce_min(size / (height, width))
    if resize == "center":
        scale *= tf.where(tf.reduce_all(size == (height, width)), tf.ones_like(scale), 7 / 8)
    center = tf.maximum(tf.cast(tf.round(scale * (height, width)), tf.int32), 1)
    return scaled(tf.image.resize_with_crop_or_pad(image, center[0], center[1]), (height, width))
