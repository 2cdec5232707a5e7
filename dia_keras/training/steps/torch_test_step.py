"""Validation steps on PyTorch and a CPU: forward pass and loss as one compiled graph."""

from typing import Any

import keras

from .torch_graph import compiled


class TorchTestStep:
    """Replaces `model.test_step`: takes `(images, targets)` or `(images, targets, weights)`, returns the metrics.

    Only batches of the first one's size are compiled. The last batch, if it is smaller, is not worth it.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.keras_own = model.test_step
        self.shapes: Any = None

    def __call__(self, data):
        import torch

        images, targets, *weights = data
        shapes = tuple(images.shape), tuple(targets.shape), len(weights)
        values = [variable.value.detach() for variable in self.model.variables]
        tensors = [*values, *weights, images.contiguous(), targets]
        with torch.no_grad():
            if self.shapes is None:
                self.shapes, self.compiled = shapes, compiled(self._step, tensors)
            if shapes != self.shapes:
                return self.keras_own(data)
            loss, outputs = self.compiled(*tensors)
            self.model._loss_tracker.update_state(loss, sample_weight=images.shape[0])
        return self.model.compute_metrics(images, targets, outputs, *weights)

    def _step(self, *tensors):
        values = tensors[: len(self.model.variables)]
        *weights, images, targets = tensors[len(values) :]
        with keras.StatelessScope(zip(self.model.variables, values, strict=True), collect_losses=True):
            outputs = self.model(images, training=False)
            loss = self.model.compute_loss(images, targets, outputs, *weights, training=False)
        return [loss.detach(), outputs.detach()]
