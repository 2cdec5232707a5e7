"""Squeeze-and-excitation."""

import keras
from keras import ops

from ...arguments import boolean, positive_integer
from ..attention_module import AttentionModule
from .channel_maps import ChannelMLP


@keras.saving.register_keras_serializable(package="dia_keras")
class SE(AttentionModule):
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

    key = "se"
    title = "Squeeze-and-excitation"
    formula = "2 N²/r + N/r + N (r: ratio = 16)"
    paper = "https://arxiv.org/abs/1709.01507"

    def __init__(
        self,
        ratio: int = 16,
        use_bias: bool = True,
        data_format: str | None = None,
        bias_initializer=None,
        **kwargs,
    ):
        super().__init__(data_format, **kwargs)
        self.ratio = positive_integer("ratio", ratio)
        self.use_bias = boolean("use_bias", use_bias)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        channels = input_shape[self.channel_axis]
        hidden = max(1, channels // self.ratio)
        self.mlp = ChannelMLP(
            hidden, channels, self.use_bias, self.bias_initializer, **self.sublayer_kwargs, name="mlp"
        )
        self.mlp.build((None, channels))
        self.built = True

    def attention(self, inputs):
        return self.over_space(ops.sigmoid(self.mlp(self.pool(inputs))))

    def get_config(self):
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "use_bias": self.use_bias,
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
