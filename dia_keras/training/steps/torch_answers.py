"""The answers of teachers on PyTorch and a CPU, compiled as training steps are."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from .torch_graph import compiled, is_keras_own, is_worth_compiling


@contextlib.contextmanager
def compiled_answers(models: Sequence[keras.Model], steps: int) -> Iterator[None]:
    """Lets models answer `predict_on_batch` by compiled graphs; a no-op where `compiled_step` is one.

    Args:
        models: Models from images to one tensor, whose weights do not change meanwhile.
        steps: Number of steps of the whole training.
    """
    if not models or not is_worth_compiling(steps):
        yield
        return
    own = {id(model): model for model in models if is_keras_own(model, "predict_on_batch")}.values()
    for model in own:
        model.predict_on_batch = TorchAnswers(model)
    try:
        yield
    finally:
        for model in own:
            del model.predict_on_batch


class TorchAnswers:
    """Replaces `model.predict_on_batch`: takes images, returns a tensor."""

    def __init__(self, model: keras.Model):
        self.model = model
        self.compiled: dict[Any, Any] = {}

    def __call__(self, images):
        import torch

        tensors = [*(variable.value.detach() for variable in self.model.variables), images.contiguous()]
        shape = tuple(images.shape)
        with torch.no_grad():
            if shape not in self.compiled:
                self.compiled[shape] = compiled(self._answer, tensors)
            return self.compiled[shape](*tensors)[0]

    def _answer(self, *tensors):
        *values, images = tensors
        with keras.StatelessScope(zip(self.model.variables, values, strict=True)):
            return [self.model(images, training=False).detach()]
