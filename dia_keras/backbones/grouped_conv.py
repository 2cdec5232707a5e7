"""Grouped convolution that is fast on a CPU too."""

import contextlib
import contextvars

import keras
from keras import ops

_native: contextvars.ContextVar[bool | None] = contextvars.ContextVar("native_grouped_convolutions", default=None)


@contextlib.contextmanager
def native_grouped_convolutions(native: bool = True):
    """Within it, grouped convolutions are traced as single ops, or never are, whatever the device.

    Args:
        native: Whether they are single ops, as runtimes other than TensorFlow want them.
    """
    token = _native.set(native)
    try:
        yield
    finally:
        _native.reset(token)


@keras.saving.register_keras_serializable(package="dia_keras")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with `groups`, which TensorFlow computes on a CPU as one convolution a group.

    TensorFlow has no grouped convolution for the CPU, and Keras hands it to XLA there, which is slow: with 8 groups, 32
    images of 32 x 32 x 256, forward and backward took 17 s on two cores, in separate convolutions 0.20 s
    (`benchmarks/grouped_conv.py`). Elsewhere (other backends, GPUs, channels first) this is Keras' layer.

    Args:
        **kwargs: Arguments of `keras.layers.Conv2D`.

    Call arguments:
        inputs: Features, `(batch, height, width, channels)`, or channels first; `groups` divides the channels.

    Returns:
        Features, `(batch, new_height, new_width, filters)`, or channels first.
    """

    def convolution_op(self, inputs, kernel):
        native = not _tensorflow_on_cpu() if _native.get() is None else _native.get()
        if self.groups == 1 or native or self.data_format == "channels_first":
            return super().convolution_op(inputs, kernel)
        parts = zip(ops.split(inputs, self.groups, -1), ops.split(kernel, self.groups, -1), strict=True)
        return ops.concatenate([super(GroupedConv2D, self).convolution_op(*part) for part in parts], -1)


def _tensorflow_on_cpu() -> bool:
    return keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")
