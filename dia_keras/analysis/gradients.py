"""Gradients on every backend of Keras that has them."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras
from keras import ops, tree


def gradient(function: Callable[[Any], Any], x):
    """Returns the gradient of a function at `x`.

    Args:
        function: Maps tensors, in the structure of `x`, to a scalar tensor, by layers and `keras.ops`.
        x: An array of floats, or a list or dict of arrays.

    Returns:
        NumPy arrays in the structure and shapes of `x`: zeros where the value does not depend on `x`.

    Raises:
        ValueError: If the value of `function` is not a scalar.
        RuntimeError: If the backend has no gradients.

    Example:

    >>> gradient(lambda x: keras.ops.sum(x * x), np.array([1.0, 2.0], "float32"))
    array([2., 4.], dtype=float32)
    """

    def value(tensors):
        result = function(tensors)
        if tuple(result.shape) != ():
            raise ValueError(f"`function` must return a scalar. Received: a tensor of shape {tuple(result.shape)}")
        return result

    backend = keras.backend.backend()
    if backend not in _OF_BACKENDS:
        raise RuntimeError(f"Gradients need the backend {' or '.join(_OF_BACKENDS)}. Received: {backend}")
    tensors = tree.map_structure(ops.convert_to_tensor, x)
    return tree.map_structure(ops.convert_to_numpy, _OF_BACKENDS[backend](value, tensors))


def untracked() -> contextlib.AbstractContextManager:
    """Returns a context in which PyTorch keeps no features for a gradient; the other backends keep none anyway."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def _by_tensorflow(function, x):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x, unconnected_gradients="zero")


def _by_jax(function, x):
    import jax

    return jax.grad(function)(x)


def _by_torch(function, x):
    import torch

    leaves = tree.map_structure(lambda tensor: tensor.detach().clone().requires_grad_(), x)
    with torch.enable_grad():
        value = function(leaves)
    if not value.requires_grad:
        return tree.map_structure(torch.zeros_like, x)
    gradients = torch.autograd.grad(value, tree.flatten(leaves), allow_unused=True, materialize_grads=True)
    return tree.pack_sequence_as(x, gradients)


_OF_BACKENDS = {"tensorflow": _by_tensorflow, "jax": _by_jax, "torch": _by_torch}
