"""What the modules with a reducing MLP have in common."""

import keras

from .arguments import check_positive
from .attention_module import AttentionModule
from .channel_maps import ChannelMLP


class MLPModule(AttentionModule):
    """A module that excites N channels by an MLP, `mlp`, whose hidden layer has max(1, N // ratio) units.

    Args:
        ratio: Integer, reduction of the hidden layer.
        use_bias: Whether the two linear maps have biases.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        bias_initializer: Initial biases. Default: uniform in +-1/sqrt(fan_in).
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: On an argument out of range.
    """

    def __init__(
        self,
        ratio: int = 16,
        use_bias: bool = True,
        data_format: str | None = None,
        bias_initializer=None,
        **kwargs,
    ):
        super().__init__(data_format, **kwargs)
        check_positive(ratio=ratio)
        self.ratio = ratio
        self.use_bias = use_bias
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape):
        channels = input_shape[self.channel_axis]
        hidden = max(1, channels // self.ratio)
        mlp = ChannelMLP(hidden, channels, self.use_bias, self.bias_initializer, dtype=self.dtype_policy, name="mlp")
        self.add_part("mlp", mlp, channels)
        self.built = True

    def get_config(self):
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "use_bias": self.use_bias,
            "bias_initializer": keras.initializers.serialize(self.bias_initializer) if self.bias_initializer else None,
        }
