"""Initial values of the authors' code."""

import math

import keras


def linear_kernel(seed: int | None = None) -> keras.initializers.Initializer:
    """Uniform in +-1/sqrt(fan_in), for the kernels of linear maps."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=seed)


def linear_bias(fan_in: int, seed: int | None = None) -> keras.initializers.Initializer:
    """Uniform in +-1/sqrt(fan_in), for the biases of linear maps with `fan_in` inputs."""
    limit = 1 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-limit, limit, seed=seed)


def conv_kernel(seed: int | None = None) -> keras.initializers.Initializer:
    """Normal with variance 2 / (k^2 C_out), for k x k convolutions with `C_out` filters."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=seed)
