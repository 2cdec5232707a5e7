"""TFLite: for LiteRT, on phones and small devices."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from .freeze import freeze, named
from .parity import in_two_batches

INTEGER_OPS = {
    "int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    "int16x8": tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
}


def write(
    model,
    path: Path,
    batch_size: int | None = 1,
    quantize: str | None = None,
    representative: np.ndarray | None = None,
) -> None:
    """Writes the file `path`, with one signature: float32 "images" to float32 "predictions"."""
    module = tf.Module()
    signature = named(freeze(model, batch_size, native_groups=True))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([signature], module)
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize in INTEGER_OPS and representative is not None:
        converter.target_spec.supported_ops = [INTEGER_OPS[quantize]]
        parts = batches_of(batch_size, representative)
        converter.representative_dataset = lambda: ([part] for part in parts)
    path.write_bytes(converter.convert())


def answers(path: Path, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the file's answers to `images`, which it gets in batches of the size it was made for."""
    signature = Interpreter(str(path)).get_signature_runner()
    batch_size = signature.get_input_details()["images"]["shape_signature"][0]

    def predict(part):
        return signature(images=part.astype("float32"))["predictions"]

    if batch_size < 0:
        yield "the file", in_two_batches(predict, images)
    else:
        yield "the file", np.concatenate([predict(part) for part in batches_of(batch_size, images)])[: len(images)]


def batches_of(batch_size: int | None, images: np.ndarray) -> np.ndarray:
    """Returns the images as float32 in whole batches, `(m, batch_size, ...)`; the first ones fill the last batch up."""
    assert batch_size is not None
    indices = np.arange(-(-len(images) // batch_size) * batch_size) % len(images)
    return images[indices].reshape(-1, batch_size, *images.shape[1:]).astype("float32")
