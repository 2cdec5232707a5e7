"""Initial values of the authors' code."""

import contextlib
import contextvars
import math
from collections.abc import Iterator

import numpy as np
from keras import ops
from keras.initializers import Initializer, RandomUniform, VarianceScaling

# The initializers made within `without_initial_values`, with the classes that they will have; `None` outside of it.
_placeholders: contextvars.ContextVar[list[tuple[Initializer, type]] | None] = contextvars.ContextVar(
    "placeholders", default=None
)


def linear_kernel(seed: int | None = None) -> Initializer:
    """Uniform in +-1/sqrt(fan_in), for the kernels of linear maps."""
    return _made(VarianceScaling(1 / 3, "fan_in", "uniform", seed=seed))


def linear_bias(fan_in: int, seed: int | None = None) -> Initializer:
    """Uniform in +-1/sqrt(fan_in), for the biases of linear maps with `fan_in` inputs."""
    limit = 1 / math.sqrt(fan_in)
    return _made(RandomUniform(-limit, limit, seed=seed))


def he_linear_kernel(seed: int | None = None) -> Initializer:
    """Normal with variance 2 / fan_in, for the classifier of ResNeXt."""
    return _made(VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=seed))


def conv_kernel(seed: int | None = None) -> Initializer:
    """Normal with variance 2 / (k^2 C_out), for k x k convolutions with `C_out` filters."""
    return _made(VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=seed))


@contextlib.contextmanager
def without_initial_values() -> Iterator[None]:
    """Within it, weights that would start at random start at zero: for networks whose weights are loaded next.

    JAX compiles a random initializer for every shape, which takes longer than all the rest of loading. At the end the
    initializers are Keras' own again, so that the network's config is as ever.
    """
    placeholders: list[tuple[Initializer, type]] = []
    token = _placeholders.set(placeholders)
    try:
        yield
    finally:
        _placeholders.reset(token)
        for initializer, own_class in placeholders:
            initializer.__class__ = own_class


class _Zeros(Initializer):
    def __call__(self, shape, dtype=None):
        # By NumPy: JAX compiles its zeros for every shape, too.
        return ops.convert_to_tensor(np.zeros(shape, "float32"), dtype)


def _made(initializer: Initializer) -> Initializer:
    placeholders = _placeholders.get()
    if placeholders is not None:
        placeholders.append((initializer, type(initializer)))
        initializer.__class__ = _Zeros
    return initializer
