"""Grouped convolution that is fast on a CPU too."""

import contextlib
import contextvars

import keras
from keras import ops

from ..units.image_axes import image_axes

_native = contextvars.ContextVar("native_grouped_convolutions", default=False)


@contextlib.contextmanager
def native_grouped_convolutions():
    """Within it, grouped convolutions are traced as single ops, as runtimes other than TensorFlow want them."""
    token = _native.set(True)
    try:
        yield
    finally:
        _native.reset(token)


@keras.saving.register_keras_serializable(package="dia_keras")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with `groups`, which TensorFlow computes on a CPU as one convolution a group.

    TensorFlow has no grouped convolution for the CPU, and Keras hands it to XLA there, whose gradients take a hundred
    times as long as those of the separate convolutions. Elsewhere (other backends, GPUs) this is Keras' layer.

    Args:
        **kwargs: Arguments of `keras.layers.Conv2D`.
    """

    def convolution_op(self, inputs, kernel):
        if self.groups == 1 or _native.get() or not _tensorflow_on_cpu():
            return super().convolution_op(inputs, kernel)
        channels = image_axes(self.data_format)[1]
        parts = zip(ops.split(inputs, self.groups, channels), ops.split(kernel, self.groups, -1), strict=True)
        return ops.concatenate([super(GroupedConv2D, self).convolution_op(*part) for part in parts], channels)


def _tensorflow_on_cpu() -> bool:
    return keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
