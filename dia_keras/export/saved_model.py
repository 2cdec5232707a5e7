"""SavedModel: for TensorFlow and TensorFlow Serving, without Keras or dia_keras."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from .freeze import freeze, named
from .parity import in_two_batches

SIGNATURES = {"serving_default": tf.float32, "serving_uint8": tf.uint8}


class _Predictor(tf.Module):
    def __init__(self, frozen):
        super().__init__()
        self._frozen = frozen

    @tf.function
    def __call__(self, images):
        return self._frozen(tf.cast(images, tf.float32))[0]


def write(model, path: Path) -> None:
    """Writes the folder `path`, with a signature for float32 images and one for uint8 images."""
    frozen = freeze(model)
    predictor = _Predictor(frozen)
    for dtype in SIGNATURES.values():
        predictor.__call__.get_concrete_function(tf.TensorSpec(frozen.inputs[0].shape, dtype, name="images"))
    signatures = {name: named(frozen, dtype) for name, dtype in SIGNATURES.items()}
    tf.saved_model.save(predictor, str(path), signatures=signatures)


def answers(path: Path, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the answers of the folder to `images`; those of the uint8 signature only to uint8 images."""
    loaded = tf.saved_model.load(str(path))
    for name, dtype in SIGNATURES.items():
        if dtype == tf.uint8 and images.dtype != np.uint8:
            continue

        def predict(part, signature=loaded.signatures[name], dtype=dtype):
            return signature(images=tf.constant(part, dtype))["predictions"].numpy()

        yield f"the signature {name!r}", in_two_batches(predict, images)
    dtype = tf.uint8 if images.dtype == np.uint8 else tf.float32
    yield "the function", loaded(tf.constant(images, dtype)).numpy()
