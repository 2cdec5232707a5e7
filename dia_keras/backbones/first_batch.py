"""The first images of the data that a model is trained on, evaluated on or asked about."""

import concurrent.futures
import contextlib
from typing import Any

import keras

#: A `tf.data.Dataset` that does not know its length may be a generator, which cannot be begun twice.
UNKNOWN_LENGTH = -2


def first_images(data, adapter) -> Any | None:
    """Returns the first images of data, `None` where there are none to be had without harm.

    An array is returned as it is. A `PyDataset` is asked for its first batch, and a PyTorch `DataLoader` for its first
    few images, unshuffled. A `tf.data.Dataset` of known length is begun once more, as Keras does on JAX. Where any of
    them shuffles or augments by random numbers of its own, the next ones are others. Keras itself has read the first
    batch of a generator.

    Args:
        data: What `fit`, `evaluate` or `predict` was given as `x`.
        adapter: Keras' adapter of the data.
    """
    if hasattr(data, "shape"):
        return data
    # A thread of its own: here Keras compiles, and what is computed has no values. Errors in the data are Keras' to
    # tell.
    with contextlib.suppress(Exception), concurrent.futures.ThreadPoolExecutor(1) as thread:
        images = keras.utils.unpack_x_y_sample_weight(thread.submit(_first_batch, data, adapter).result())[0]
        return images if hasattr(images, "shape") else None
    return None


def _first_batch(data, adapter) -> Any | None:
    if isinstance(data, keras.utils.PyDataset):
        return data[0]
    if hasattr(data, "element_spec"):
        images = keras.utils.unpack_x_y_sample_weight(data.element_spec)[0]
        may_be_wrong = images.dtype.name != "uint8" and data.cardinality() != UNKNOWN_LENGTH
        return next(iter(data.take(1))) if may_be_wrong else None
    if hasattr(data, "collate_fn"):
        if data.batch_size is None:
            return data.dataset[0]
        return data.collate_fn([data.dataset[i] for i in range(min(8, data.batch_size, len(data.dataset)))])
    first_batches = getattr(adapter, "_first_batches", None)
    return first_batches[0] if first_batches else None
