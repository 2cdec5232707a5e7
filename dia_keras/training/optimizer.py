"""SGD with L2 regularisation through the gradient, as the paper's framework defines weight decay."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dia_keras")
class SGDL2(keras.optimizers.SGD):
    """SGD that adds `l2 * w` to the gradient of every decayed weight w.

    Keras' own `weight_decay` is decoupled (w shrinks by lr * weight_decay beside the step), so that momentum
    does not act on it; the paper's recipes decay through the gradient, ten times stronger at momentum 0.9.

    Args:
        learning_rate: Float or `LearningRateSchedule`.
        l2: Float, coefficient of the decay.
        decay_all: Whether every weight is decayed (the paper), or only kernels, so that norms, biases and
            element-wise maps are left alone.
        **kwargs: Arguments of `keras.optimizers.SGD`.
    """

    def __init__(self, learning_rate=0.1, l2: float = 0.0, decay_all: bool = True, **kwargs):
        super().__init__(learning_rate, **kwargs)
        if l2 < 0:
            raise ValueError(f"`l2` must not be negative. Received: l2={l2!r}")
        self.l2 = l2
        self.decay_all = decay_all

    def build(self, variables):
        super().build(variables)
        # By position, since some backends hand `update_step` their own variables.
        self._decayed = [self.decay_all or variable.name.endswith("kernel") for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        if self.l2 and self._decayed[self._get_variable_index(variable)]:
            gradient = ops.add(gradient, ops.multiply(ops.cast(self.l2, variable.dtype), variable))
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "l2": self.l2, "decay_all": self.decay_all}
