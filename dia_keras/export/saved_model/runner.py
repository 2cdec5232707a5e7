"""Running SavedModels."""

from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..comparison import Runner
from .layout import ENCODED, SIGNATURES


def runners(path: Path, dtype: np.dtype) -> dict[str, Runner]:
    """Returns the function and the signatures that take images of `dtype`; only uint8 images can be encoded or cast."""
    loaded = tf.saved_model.load(str(path))

    def calling(name, argument, convert) -> Runner:
        return lambda images: loaded.signatures[name](**{argument: convert(images)})["predictions"].numpy()

    takes_own = None if "serving_uint8" in loaded.signatures else "float32"
    by_name: dict[str, Runner] = {"the function": lambda images: loaded(tf.constant(images, takes_own)).numpy()}
    for name, takes in SIGNATURES.items():
        if takes == "float32" or dtype == np.uint8:
            by_name[f"the signature {name!r}"] = calling(name, "images", partial(tf.constant, dtype=takes))
    if ENCODED in loaded.signatures and dtype == np.uint8:
        by_name[f"the signature {ENCODED!r}"] = calling(ENCODED, "encoded", _as_png_files)
    return by_name


def _as_png_files(images: np.ndarray):
    return tf.stack([tf.io.encode_png(image) for image in images])
