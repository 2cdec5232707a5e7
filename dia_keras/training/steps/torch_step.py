"""Training steps on PyTorch and a CPU: forward pass, loss and backward pass as one compiled graph.

Batch norms sum as `torch_norm` says.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from .fused_norm import is_fusible
from .torch_graph import compiled, is_keras_own, is_worth_compiling
from .torch_test_step import TorchTestStep


@contextlib.contextmanager
def compiled_step(model: keras.Model, steps: int, test_steps: int = 0) -> Iterator[None]:
    """Lets `model.fit` train and validate by compiled steps, each where it takes enough of them.

    On other backends, on GPUs, and for models with a `train_step` of their own, it changes nothing.

    Args:
        model: A compiled model with an optimizer, which maps one tensor to one.
        steps: Number of steps of the whole training.
        test_steps: Number of validation steps of the whole training.
    """
    if model.run_eagerly or not is_worth_compiling(steps) or not is_keras_own(model, "train_step"):
        yield
        return
    model.train_step = TorchStep(model)
    if is_worth_compiling(test_steps) and is_keras_own(model, "test_step"):
        model.test_step = TorchTestStep(model)
    try:
        yield
    finally:
        del model.train_step
        vars(model).pop("test_step", None)


class TorchStep:
    """Replaces `model.train_step`: takes `(images, targets)` or `(images, targets, weights)`, returns the metrics."""

    def __init__(self, model: keras.Model):
        self.model = model
        self.compiled: dict[Any, Any] = {}

    def __call__(self, data):
        import torch

        # With images in another order in memory, all features would be channels first, which is slower.
        model, (images, targets, *weights) = self.model, (tensor.contiguous() for tensor in data)
        trainable, others = model.trainable_variables, model.non_trainable_variables
        tensors = [variable.value.detach() for variable in [*trainable, *others]] + [*weights, images, targets]
        shapes = tuple(images.shape), tuple(targets.shape), len(weights)
        if shapes not in self.compiled:
            self.compiled[shapes] = compiled(self._step, tensors)
        with torch.no_grad():
            loss, outputs, *updates = self.compiled[shapes](*tensors)
            if others:
                torch._foreach_copy_([variable.value for variable in others], updates[len(trainable) :])
            model.optimizer.apply(updates[: len(trainable)], trainable)
            model._loss_tracker.update_state(loss, sample_weight=images.shape[0])
        return model.compute_metrics(images, targets, outputs, *weights)

    def _step(self, *tensors):
        """Returns loss, outputs, gradients and new values of the other variables, as a function of tensors alone."""
        import torch

        from . import torch_norm

        model = self.model
        trainable, others = model.trainable_variables, model.non_trainable_variables
        values = [tensor.requires_grad_() for tensor in tensors[: len(trainable)]]
        rest = tensors[len(values) : len(values) + len(others)]
        *weights, images, targets = tensors[len(values) + len(rest) :]
        norms = [layer for layer in model._flatten_layers() if is_fusible(layer)]
        for layer in norms:
            layer.call = torch_norm.for_layer(layer)
        try:
            mapping = zip([*trainable, *others], [*values, *rest], strict=True)
            with keras.StatelessScope(mapping, collect_losses=True) as scope, torch.enable_grad():
                outputs = model(images, training=True)
                loss = model.compute_loss(images, targets, outputs, *weights, training=True)
                gradients = torch.autograd.grad(loss, values, allow_unused=True, materialize_grads=True)
        finally:
            for layer in norms:
                del layer.call
        new = [scope.get_current_value(variable) for variable in others]
        return [loss.detach(), outputs.detach(), *gradients, *(value.detach() for value in new)]
