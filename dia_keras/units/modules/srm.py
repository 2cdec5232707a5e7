"""Style-based recalibration."""

from collections.abc import Callable

import keras
from keras import ops

from ...arguments import boolean
from ..attention_module import AttentionModule, FeatureLayer

EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="dia_keras")
class StyleIntegration(FeatureLayer):
    """The part of SRM that blocks share: the mean and the standard deviation of every channel, weighted and added.

    2 N parameters, which start at zero.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        unbiased: Whether the standard deviation over n pixels divides by n - 1, or by n.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The styles, `(batch, N)`.
    """

    def __init__(self, data_format: str | None = None, unbiased: bool = True, **kwargs):
        super().__init__(data_format, **kwargs)
        self.unbiased = boolean("unbiased", unbiased)

    def build(self, input_shape):
        self.style_weights = self.add_weight((2, input_shape[self.channel_axis]), "zeros", name="style_weights")
        self.built = True

    def call(self, inputs):
        mean = self.pool(inputs)
        # In float32, as `ops.var` does; and not by it, since LiteRT has no integer kernel for its squared difference.
        centered = ops.cast(inputs - self.over_space(mean), "float32")
        variance = self.pool(centered * centered)
        if self.unbiased:
            variance = variance * self.bessel_correction(inputs)
        std = ops.sqrt(variance + EPSILON)
        mean_weight, std_weight = self.style_weights[0], self.style_weights[1]
        return mean_weight * mean + std_weight * ops.cast(std, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[self.channel_axis])

    def get_config(self):
        return {**super().get_config(), "unbiased": self.unbiased}

    @classmethod
    def from_config(cls, config):
        # Models saved before there was this argument are biased.
        return super().from_config({"unbiased": False, **config})


@keras.saving.register_keras_serializable(package="dia_keras")
class ChannelGate(FeatureLayer):
    """x' = x * sigmoid(z).

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: `[x, z]`: features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first, and
            `(batch, N)`.

    Returns:
        The recalibrated features, of the shape of x.
    """

    def call(self, inputs):
        features, z = inputs
        return features * self.over_space(ops.sigmoid(z))

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@keras.saving.register_keras_serializable(package="dia_keras")
class SRM(AttentionModule):
    """Style-based recalibration: x' = x * sigmoid(BN(w1 mean(x) + w2 std(x))), every channel by itself.

    4 N parameters. Source: Lee et al., "SRM: A Style-based Recalibration Module for Convolutional Neural Networks",
    https://arxiv.org/abs/1903.10829.

    A backbone with `attention="srm", shared=True` calls `for_block`: its blocks share the 2 N weights of the styles,
    and each has a batch norm of its own (Section 7.3.2 of the paper). Whoever calls one such layer in several blocks
    shares the batch norm too.

    Args:
        share_norm: Whether blocks that share the module share its batch norm too, which fails in Fig. 11 of the paper.
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        unbiased: Whether the standard deviation over n pixels divides by n - 1, as in the authors' code, or by n. The
            moving variance of the batch norm is Keras', which is biased.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.
        training: Whether the batch norm uses the statistics of the batch.

    Returns:
        The recalibrated features, of the shape of `inputs`.
    """

    key = "srm"
    title = "Style-based recalibration module"
    formula = "4 N"
    paper = "https://arxiv.org/abs/1903.10829"

    def __init__(self, share_norm: bool = False, data_format: str | None = None, unbiased: bool = True, **kwargs):
        super().__init__(data_format, **kwargs)
        self.share_norm = boolean("share_norm", share_norm)
        self.unbiased = boolean("unbiased", unbiased)
        self.style = StyleIntegration(self.data_format, unbiased, **self.sublayer_kwargs, name="style")

    def build(self, input_shape):
        self.style.build(input_shape)
        self.norm = self._norm("norm")
        self.norm.build((None, input_shape[self.channel_axis]))
        self.built = True

    def call(self, inputs, training=None):
        styles = self.norm(self.style(inputs), training=training)
        return inputs * self.over_space(ops.sigmoid(styles))

    def for_block(self, name: str) -> Callable:
        """Returns the module as one of the blocks that share it calls it, with a batch norm of the block's own."""
        if self.share_norm:
            return self
        self.style.name = f"{self.name}_style"
        norm = self._norm(f"{name}_attention_bn")
        gate = ChannelGate(self.data_format, **self.sublayer_kwargs, name=f"{name}_attention")
        return lambda inputs: gate([inputs, norm(self.style(inputs))])

    def _norm(self, name: str) -> keras.layers.Layer:
        return keras.layers.BatchNormalization(-1, momentum=0.9, epsilon=EPSILON, **self.sublayer_kwargs, name=name)

    def get_config(self):
        return {**super().get_config(), "share_norm": self.share_norm, "unbiased": self.unbiased}

    @classmethod
    def from_config(cls, config):
        # Models saved before there was this argument are biased.
        return super().from_config({"unbiased": False, **config})
