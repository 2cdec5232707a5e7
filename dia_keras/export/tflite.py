"""TFLite: for LiteRT, on phones and small devices."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from .freeze import freeze, named
from .parity import in_two_batches


def write(model, path: Path, batch_size: int | None = 1) -> None:
    """Writes the file `path`, with one signature: float32 "images" to "predictions"."""
    module = tf.Module()
    signature = named(freeze(model, batch_size, native_groups=True))
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([signature], module).convert())


def answers(path: Path, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the file's answers to `images`, which it gets in batches of the size it was made for."""
    signature = Interpreter(str(path)).get_signature_runner()
    batch_size = signature.get_input_details()["images"]["shape_signature"][0]

    def predict(part):
        return signature(images=part.astype("float32"))["predictions"]

    if batch_size < 0:
        yield "the file", in_two_batches(predict, images)
    else:
        indices = np.arange(-(-len(images) // batch_size) * batch_size) % len(images)
        parts = images[indices].reshape(-1, batch_size, *images.shape[1:])
        yield "the file", np.concatenate([predict(part) for part in parts])[: len(images)]
