"""An attention of one's own, per block and shared by the blocks of a stage (DIA).

    python examples/custom_attention.py

Any Keras layer from features to features of the same shape will do. It is given to a backbone as an object, of which
every stage, or every block, gets a copy; or as a function of the channel count, where its settings depend on that. A
module that must keep something to each of the blocks that share it, as SRM keeps its batch norm, defines `for_block`:
see `dia_keras/units/modules/srm.py`.
"""

import keras
from keras import ops

from dia_keras.backbones import resnet
from dia_keras.units import AttentionModule


@keras.saving.register_keras_serializable(package="examples")
class ContrastAttention(AttentionModule):
    """x' = x * sigmoid(w (max x - mean x) + b): channels count by how far their peak stands out. 2 N parameters."""

    def build(self, input_shape):
        channels = input_shape[self.channel_axis]
        self.weight = self.add_weight((channels,), "zeros", name="weight")
        self.bias = self.add_weight((channels,), "ones", name="bias")
        self.built = True

    def attention(self, inputs):
        contrast = ops.max(inputs, axis=self.spatial_axes) - self.pool(inputs)
        return self.over_space(ops.sigmoid(self.weight * contrast + self.bias))


if __name__ == "__main__":
    for shared in (False, True):
        model = resnet(20, "basic", attention=ContrastAttention(), shared=shared, num_classes=100)
        layers = [layer for layer in model.layers if isinstance(layer, ContrastAttention)]
        parameters = sum(layer.count_params() for layer in layers)
        print(f"shared={shared!s:5}: {len(layers)} layers, {parameters} parameters")
