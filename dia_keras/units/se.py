"""Squeeze-and-excitation."""

import keras
from keras import ops

from .mlp_module import MLPModule


@keras.saving.register_keras_serializable(package="dia_keras")
class SE(MLPModule):
    """Squeeze-and-excitation: x' = x * sigmoid(W2 ReLU(W1 GAP(x))).

    2 N^2/ratio parameters, and N/ratio + N more with biases. Source: Hu et al., "Squeeze-and-Excitation
    Networks", https://arxiv.org/abs/1709.01507.

    Args:
        ratio: Integer, reduction of the hidden layer, which has max(1, N // ratio) units.
        use_bias: Whether the two linear maps have biases.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        bias_initializer: Initial biases. Default: uniform in +-1/sqrt(fan_in).
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.

    Raises:
        ValueError: On an argument out of range.
    """

    def attention(self, inputs):
        return self.over_space(ops.sigmoid(self.mlp(self.pool(inputs))))
