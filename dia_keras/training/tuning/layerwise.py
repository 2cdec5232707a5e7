"""Layer-wise learning rates: early stages of a network, which hold what all images share, learn more slowly."""

from collections.abc import Sequence

import keras
from keras import ops

from ..optimizer import SGDL2


class LayerwiseSGD(SGDL2):
    """`SGDL2` whose learning rate has a factor for every weight.

    Args:
        learning_rate: Float or `LearningRateSchedule`.
        factors: One factor for each of the variables that are trained, in their order.
        **kwargs: Arguments of `SGDL2`.
    """

    def __init__(self, learning_rate, factors: Sequence[float], **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.factors = tuple(map(float, factors))

    def build(self, variables):
        if len(variables) != len(self.factors):
            raise ValueError(
                f"`factors` must be one for each of {len(variables)} variables. Received: {len(self.factors)} factors"
            )
        super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        factor = self.factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, ops.multiply(factor, learning_rate))

    def _update_all(self, gradients, variables, learning_rate) -> None:
        factors = [self.factors[self._get_variable_index(variable)] for variable in variables]
        for factor in sorted(set(factors)):
            chosen = [i for i, value in enumerate(factors) if value == factor]
            super()._update_all(
                [gradients[i] for i in chosen], [variables[i] for i in chosen], factor * float(learning_rate)
            )

    def get_config(self):
        return {**super().get_config(), "factors": self.factors}


def depth_of(layer: keras.Layer, stages: int) -> int:
    """Returns how deep a layer of a backbone lies: 0 in the stem, k in stage k, `stages` + 1 from there on."""
    if layer.name.startswith("stage"):
        return int(layer.name.removeprefix("stage").partition("_")[0])
    return 0 if layer.name.startswith(("images", "preprocessing", "stem")) else stages + 1


def factors_of(model: keras.Model, stages: int, decay: float) -> list[float]:
    """Returns the factor of the learning rate of every trainable variable of a backbone with its head.

    It is 1 in the head, `decay` in the last stage, `decay`**2 in the one before, and so on to the stem.
    """
    factor = {
        id(variable): decay ** (stages + 1 - depth_of(layer, stages))
        for layer in model.layers
        for variable in layer.trainable_variables
    }
    return [factor[id(variable)] for variable in model.trainable_variables]
