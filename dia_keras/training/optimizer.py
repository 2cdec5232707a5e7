"""SGD as the paper's framework defines it: L2 through the gradient, the learning rate outside the velocity."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dia_keras")
class SGDL2(keras.optimizers.SGD):
    """SGD that adds `l2 * w` to the gradient g of every decayed weight w, with PyTorch's momentum:

        v' = momentum * v + g,    w' = w - lr * v', or w - lr * (g + momentum * v') with Nesterov's

    Keras' own `weight_decay` is decoupled (w shrinks by lr * weight_decay beside the step), so that momentum does not
    act on it; the paper's recipes decay through the gradient, ten times stronger at momentum 0.9. And Keras' velocity
    holds the learning rate, so that steps of the old rate go on after a milestone; PyTorch's, and this one, does not.

    Args:
        learning_rate: Float or `LearningRateSchedule`.
        l2: Float, coefficient of the decay.
        decay_all: Whether every weight is decayed (the paper), or only kernels, so that norms, biases and
            element-wise maps are left alone.
        **kwargs: Arguments of `keras.optimizers.SGD`.

    Raises:
        ValueError: If `l2` is negative, or on an argument that `keras.optimizers.SGD` refuses.
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
        gradient = ops.cast(gradient, variable.dtype)
        if self.l2 and self._decayed[self._get_variable_index(variable)]:
            gradient = ops.add(gradient, ops.multiply(ops.cast(self.l2, variable.dtype), variable))
        step = gradient
        if self.momentum:
            stored = self.momentums[self._get_variable_index(variable)]
            momentum = ops.cast(self.momentum, variable.dtype)
            velocity = ops.add(ops.multiply(momentum, stored), gradient)
            self.assign(stored, velocity)
            step = ops.add(gradient, ops.multiply(momentum, velocity)) if self.nesterov else velocity
        self.assign_sub(variable, ops.multiply(ops.cast(learning_rate, variable.dtype), step))

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        if keras.backend.backend() == "torch":
            self._update_all(grads, trainable_variables, learning_rate)
        else:
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    def _update_all(self, gradients, variables, learning_rate) -> None:
        """Does `update_step` for all variables together, in far fewer calls, as PyTorch's own optimizers do."""
        import torch

        with torch.no_grad():
            rate = float(learning_rate)
            values = [variable.value for variable in variables]
            gradients = [gradient.to(value.dtype) for gradient, value in zip(gradients, values, strict=True)]
            if self.l2:
                decays = [self.l2 * self._decayed[self._get_variable_index(variable)] for variable in variables]
                gradients = torch._foreach_add(gradients, torch._foreach_mul(values, decays))
            steps = gradients
            if self.momentum:
                velocities = [self.momentums[self._get_variable_index(variable)].value for variable in variables]
                torch._foreach_mul_(velocities, self.momentum)
                torch._foreach_add_(velocities, gradients)
                steps = torch._foreach_add(gradients, velocities, alpha=self.momentum) if self.nesterov else velocities
            torch._foreach_add_(values, steps, alpha=-rate)

    def get_config(self):
        return {**super().get_config(), "l2": self.l2, "decay_all": self.decay_all}
