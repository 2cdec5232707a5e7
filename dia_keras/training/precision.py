"""Networks of a recipe's precision, without a change to what is built afterward."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def built_in(precision: str) -> Iterator[None]:
    """Lets layers that are built within have a dtype policy, such as `"mixed_bfloat16"`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
