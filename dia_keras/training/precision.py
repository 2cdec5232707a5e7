"""The precision of a training."""

import contextlib
import warnings
from collections.abc import Iterator

import keras

from ..host import lacks_bfloat16


@contextlib.contextmanager
def built_in(precision: str) -> Iterator[None]:
    """Lets layers that are built within have a dtype policy, such as `"mixed_bfloat16"`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def warn_of_slow_bfloat16(model: keras.Model) -> None:
    """Warns before a training in bfloat16 on a processor that does not have instructions for it.

    JAX does not need them: it computes in float32 and rounds.
    """
    if keras.backend.backend() == "jax" or not lacks_bfloat16():
        return
    if any(layer.compute_dtype == "bfloat16" for layer in model._flatten_layers()):
        warnings.warn(
            "This processor does not have instructions for bfloat16: training takes many times as long as with "
            "`precision='float32'`.",
            stacklevel=2,
        )
