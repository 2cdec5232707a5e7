"""Batch normalization in one kernel, for training by TensorFlow on a CPU.

Keras writes the batch norm in a dozen elementwise ops. XLA fuses them, and so do GPUs' and JAX's compilers; TensorFlow
on a CPU runs them one by one, which takes over a third of the time of a step of ResNet20.
"""

import contextlib
import functools
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def fused_batch_norms(*models: keras.Model) -> Iterator[None]:
    """Lets the batch norms of models run as TensorFlow's fused kernel; a no-op on other backends and on GPUs.

    The formulas are Keras': only the order of the sums differs. Layers with settings that the kernel lacks stay as
    they are, and so does all that is serialized.
    """
    if keras.backend.backend() != "tensorflow" or keras.distribution.list_devices("gpu"):
        yield
        return
    fusible = [layer for model in models for layer in model._flatten_layers() if is_fusible(layer)]
    layers = {id(layer): layer for layer in fusible}.values()  # a model may be given twice
    for layer in layers:
        layer.call = functools.partial(_fused_call, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def is_fusible(layer: keras.Layer) -> bool:
    """Returns whether a layer is a batch norm whose settings a fused kernel has."""
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.built
        and layer.input_spec.ndim == 4
        and layer.axis in (3, -1)
        and layer.scale
        and layer.center
        and not layer.renorm
        and not layer.synchronized
        and layer.variable_dtype == "float32"
        and layer.compute_dtype in ("float32", "bfloat16", "float16")
    )


def _fused_call(layer: keras.layers.BatchNormalization, inputs, training=None, mask=None):
    if mask is not None:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    import tensorflow as tf

    inputs = tf.cast(inputs, layer.compute_dtype)
    is_batch = bool(training) and layer.trainable
    mean, variance = ([], []) if is_batch else (layer.moving_mean.value, layer.moving_variance.value)
    normalized = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=layer.gamma.value,
        offset=layer.beta.value,
        mean=mean,
        variance=variance,
        epsilon=layer.epsilon,
        is_training=is_batch,
    )
    if is_batch:
        # The kernel returns the unbiased variance; Keras keeps the biased one.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        biased = normalized.batch_variance * (count - 1) / count
        for moving, value in ((layer.moving_mean, normalized.batch_mean), (layer.moving_variance, biased)):
            moving.assign(moving * layer.momentum + value * (1 - layer.momentum))
    return normalized.y
