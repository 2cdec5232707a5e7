"""Batch normalization written for PyTorch's compiler on a CPU.

Inductor computes a sum over batch, height and width in one thread per 16 channels. Summing over space first, and over
the batch second, keeps all threads busy. The backward pass is the formula of Ioffe and Szegedy,
https://arxiv.org/abs/1502.03167, with the same two sums, so that features are read twice and nothing is stored.
"""

import functools

import keras
import torch


class BatchNorm(torch.autograd.Function):
    """Normalizes features `(batch, height, width, channels)` by their own mean and biased variance.

    `apply(x, gamma, beta, epsilon)` returns the normalized features, in the dtype of `x`, and mean and variance,
    float32 `(channels,)`. Sums are in float32. The gradient does not flow through the returned statistics.
    """

    @staticmethod
    def forward(ctx, x, gamma, beta, epsilon: float):
        features = x.float()
        count = x.numel() // x.shape[-1]
        mean = _sum(features) / count
        variance = torch.clamp(_sum(features * features) / count - mean * mean, min=0)
        inverse = torch.rsqrt(variance + epsilon)
        scale = gamma * inverse
        ctx.save_for_backward(x, gamma, mean, inverse)
        ctx.mark_non_differentiable(mean, variance)
        return (features * scale + (beta - mean * scale)).to(x.dtype), mean, variance

    @staticmethod
    def backward(ctx, gradient, *_):
        x, gamma, mean, inverse = ctx.saved_tensors
        count = x.numel() // x.shape[-1]
        upstream, features = gradient.float(), x.float()
        of_beta = _sum(upstream)
        of_gamma = (_sum(upstream * features) - mean * of_beta) * inverse
        scale = gamma * inverse
        slope = -scale * inverse * of_gamma / count
        offset = -scale * of_beta / count - slope * mean
        return (upstream * scale + features * slope + offset).to(x.dtype), of_gamma, of_beta, None


def _sum(features):
    return features.sum((1, 2)).sum(0)


def call(layer: keras.layers.BatchNormalization, inputs, training=None, mask=None):
    """Is `BatchNormalization.call` for features with channels last; Keras' own where the layer is not training."""
    if mask is not None or not training or not layer.trainable:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    outputs, mean, variance = BatchNorm.apply(
        keras.ops.cast(inputs, layer.compute_dtype), layer.gamma.value, layer.beta.value, layer.epsilon
    )
    for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(moving * layer.momentum + value * (1 - layer.momentum))
    return outputs


def for_layer(layer: keras.layers.BatchNormalization):
    """Returns `call` for one layer."""
    return functools.partial(call, layer)
