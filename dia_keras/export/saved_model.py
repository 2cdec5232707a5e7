"""SavedModel: for TensorFlow and TensorFlow Serving, without Keras or dia_keras."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from .freeze import freeze, named, traced
from .parity import Runner

SIGNATURES = {"serving_default": "float32", "serving_uint8": "uint8"}
ENCODED = "serving_encoded"
#: Ops that compute nothing.
IDLE = ("Const", "Identity", "NoOp", "ReadVariableOp")
#: Largest number of weights that are constants, which run faster. Every signature makes copies of them when it is saved
#: and when it runs, which is too much memory for the 32 million of ResNeXt101.
CONSTANTS = 4_000_000


class _Predictor(tf.Module):
    def __init__(self, function, variables=()):
        super().__init__()
        self._function = function
        self._variables = list(variables)

    @tf.function
    def __call__(self, images):
        return self._function(tf.cast(images, tf.float32))[0]


def write(model, path: Path, metadata: dict[str, Any], of_pixels: bool = True) -> None:
    """Writes the folder `path`, with signatures of uint8 and encoded images if it takes pixels, and `assets.extra/`."""
    if model.count_params() <= CONSTANTS:
        function = freeze(model)
        predictor = _Predictor(function)
    else:
        function = traced(model)
        predictor = _Predictor(function, [variable.value for variable in model.variables])
    dtypes = {name: dtype for name, dtype in SIGNATURES.items() if of_pixels or dtype == "float32"}
    for dtype in dtypes.values():
        predictor.__call__.get_concrete_function(tf.TensorSpec(function.inputs[0].shape, dtype, name="images"))
    signatures = {name: named(function, dtype) for name, dtype in dtypes.items()}
    if of_pixels and function.inputs[0].shape[-1] in (1, 3):
        signatures[ENCODED] = _encoded(function)
    tf.saved_model.save(predictor, str(path), signatures=signatures)
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / "metadata.json").write_text(json.dumps(metadata, indent=1), encoding="utf-8")
    if metadata["labels"]:
        (extra / "labels.txt").write_text("\n".join(metadata["labels"]) + "\n", encoding="utf-8")


def _encoded(function):
    """Returns the function as a signature of JPEG, PNG, GIF or BMP bytes, of which it takes the scaled centre."""
    height, width, channels = function.inputs[0].shape[1:]

    def decode(data):
        image = tf.io.decode_image(data, channels, expand_animations=False)
        image.set_shape((None, None, channels))
        scale = tf.reduce_min(tf.shape(image)[:2] / (height, width))
        centre = tf.maximum(tf.cast(tf.round(scale * (height, width)), tf.int32), 1)
        image = tf.image.resize_with_crop_or_pad(image, centre[0], centre[1])
        return tf.round(tf.image.resize(image, (height, width), antialias=True))

    def predict(encoded):
        images = tf.map_fn(decode, encoded, fn_output_signature=tf.TensorSpec((height, width, channels), tf.float32))
        return {"predictions": function(images)[0]}

    return tf.function(predict).get_concrete_function(tf.TensorSpec((None,), tf.string, name="encoded"))


def runners(path: Path, dtype: np.dtype) -> dict[str, Runner]:
    """Returns what the folder has for images of `dtype`, by its name; only uint8 images can be encoded or cast."""
    loaded = tf.saved_model.load(str(path))

    def calling(name, argument, convert) -> Runner:
        return lambda images: loaded.signatures[name](**{argument: convert(images)})["predictions"].numpy()

    takes_own = None if "serving_uint8" in loaded.signatures else "float32"
    found: dict[str, Runner] = {"the function": lambda images: loaded(tf.constant(images, takes_own)).numpy()}
    for name, takes in SIGNATURES.items():
        if takes == "float32" or dtype == np.uint8:
            found[f"the signature {name!r}"] = calling(name, "images", partial(tf.constant, dtype=takes))
    if ENCODED in loaded.signatures and dtype == np.uint8:
        found[f"the signature {ENCODED!r}"] = calling(ENCODED, "encoded", _as_png_files)
    return found


def _as_png_files(images: np.ndarray):
    return tf.stack([tf.io.encode_png(image) for image in images])


def anatomy(path: Path) -> dict[str, Any]:
    """Returns the number of ops by type that the default signature runs."""
    graph = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]
    functions = {function.signature.name: function for function in graph.graph_def.library.function}

    def ops(nodes) -> Iterator[str]:
        for node in nodes:
            if node.attr["f"].func.name in functions:
                yield from ops(functions[node.attr["f"].func.name].node_def)
            elif node.op not in IDLE:
                yield node.op

    answer = graph.signature_def["serving_default"].outputs["predictions"].name.split(":")[0]
    called = [node for node in graph.graph_def.node if node.name == answer]
    return {"ops": dict(Counter(ops(called)).most_common())}
