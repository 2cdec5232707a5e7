"""What the modules without a state have in common."""

from collections.abc import Callable

from .feature_layer import FeatureLayer


class AttentionModule(FeatureLayer):
    """A layer that recalibrates features by an attention map of them: x' = x * attention(x).

    Subclasses define `attention`, or `call` where the map is not one product. Called by one block, a module is the
    block's own; called by all blocks of a stage, it is the paper's DIA unit with this module (Eq. 2).

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the default is Keras' image data format.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, `(batch, height, width, N)`, or `(batch, N, height, width)` if channels first.

    Returns:
        The recalibrated features, of the shape of `inputs`.
    """

    def attention(self, inputs):
        """Returns the attention map, which broadcasts to the shape of `inputs`."""
        raise NotImplementedError(f"{type(self).__name__} must define `attention` or `call`")

    def call(self, inputs):
        return inputs * self.attention(inputs)

    def for_block(self, name: str) -> Callable:
        """Returns what the block `name` calls where the blocks of a stage share this module: the module itself.

        A module of which each block must keep something of its own returns another function of the features, made of
        Keras layers: shared ones that belong to the module, and new ones, whose names begin with `name`.
        """
        return self

    def compute_output_shape(self, input_shape):
        return input_shape
