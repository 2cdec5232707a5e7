"""Averaged weights with batch-norm statistics of their own.

The average is that of the steps of a training, which the optimizer keeps (EMA), or that of the weights which a training
starts from and those which it ends in. The moving statistics of batch norms belong to the weights that train; averaged
weights need others, or they lose points. They are measured again: the mean of the statistics of some training batches.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

#: Function of a batch of images.
Forward = Callable[[Any], Any]

#: Batches to measure statistics on: enough that their mean is steady.
BATCHES = 20


def measure_statistics(model: keras.Model, images: Iterable, forward: Forward | None = None) -> None:
    """Sets the moving statistics of all batch norms to the mean of those of some batches.

    Args:
        model: The model; its weights, seeds and other state stay as they are.
        images: Batches as the model takes them, `(batch, height, width, channels)`.
        forward: What `training_forward` returned for the model, which need not be compiled again then.

    Raises:
        ValueError: Where there are no batches.
    """
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    measured = [variable for layer in norms for variable in (layer.moving_mean, layer.moving_variance)]
    others = [variable for variable in model.non_trainable_variables if all(variable is not one for one in measured)]
    kept = [keras.ops.convert_to_numpy(variable) for variable in others]
    momenta = [layer.momentum for layer in norms]
    sums, count = [np.zeros(variable.shape, "float64") for variable in measured], 0
    forward = forward or training_forward(model)
    try:
        with contextlib.ExitStack() as stack:
            calls = [stack.enter_context(_counted_calls(layer)) for layer in norms]
            for batch in images:
                for counted in calls:
                    counted.clear()
                forward(batch)
                count += 1
                for total, variable in zip(sums, measured, strict=True):
                    total += keras.ops.convert_to_numpy(variable)
    finally:
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum
        for variable, value in zip(others, kept, strict=True):
            variable.assign(value)
    if not count:
        raise ValueError("`images` must be one batch or more. Received: none")
    for variable, total in zip(measured, sums, strict=True):
        variable.assign((total / count).astype("float32"))


@contextlib.contextmanager
def _counted_calls(layer: keras.layers.BatchNormalization) -> Iterator[list[None]]:
    """Lets a norm's moving statistics be the mean of those of its calls, several in a batch where blocks share it.

    Yields the list that counts the calls, to be cleared before each batch.
    """
    counted: list[None] = []
    own, is_replaced = layer.call, "call" in vars(layer)

    def call(*arguments, **keywords):
        counted.append(None)
        layer.momentum = 1 - 1 / len(counted)
        return own(*arguments, **keywords)

    layer.call = call
    try:
        yield counted
    finally:
        if is_replaced:
            layer.call = own
        else:
            del layer.call


def trainable_values(model: keras.Model) -> list[np.ndarray]:
    """Returns copies of the trainable weights of a model."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.trainable_variables]


def average(model: keras.Model, other: Sequence[np.ndarray], share: float) -> None:
    """Sets the trainable weights of a model to an average of them and of others.

    The statistics of batch norms stay: `measure_statistics` sets those of the average.

    Args:
        model: The model.
        other: The other values, as `trainable_values` returns them.
        share: Share of the others, from 0 to 1.
    """
    for variable, value in zip(model.trainable_variables, other, strict=True):
        own = keras.ops.convert_to_numpy(variable)
        variable.assign((1 - share) * own + share * value)


class AveragedWeights(keras.callbacks.Callback):
    """Evaluates the averaged weights, with statistics of their own, in place of those that train.

    Args:
        batches: Function that returns an iterator of training batches `(images, targets)`, or with weights besides.
    """

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_train_begin(self, logs=None):
        self._forward = training_forward(self.model)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it, the model has the averaged weights."""
        self.on_test_begin()
        try:
            yield
        finally:
            self.on_test_end()

    def on_test_begin(self, logs=None):
        variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        self._kept = [(variable, keras.ops.convert_to_numpy(variable)) for variable in variables]
        averages = self.model.optimizer._model_variables_moving_average
        for variable, average in zip(self.model.trainable_variables, averages, strict=True):
            # A copy, since JAX gives the arrays of the evaluated weights away.
            variable.assign(np.array(keras.ops.convert_to_numpy(average)))
        measure_statistics(self.model, statistics_batches(self.batches()), self._forward)

    def on_test_end(self, logs=None):
        for variable, value in self._kept:
            variable.assign(value)


def statistics_batches(batches: Iterable) -> Iterator:
    """Yields the images of as many batches as statistics are measured on."""
    for _, (images, *_) in zip(range(BATCHES), batches, strict=False):
        yield images


def training_forward(model: keras.Model) -> Forward:
    """Returns a function that calls the model in training mode, so that its batch norms take statistics."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.no_grad()(lambda images: model(images, training=True))
    if keras.backend.backend() != "jax":
        return lambda images: model(images, training=True)
    import jax

    compiled = jax.jit(
        lambda trainable, others, images: model.stateless_call(trainable, others, images, training=True)[1]
    )

    def forward(images):
        values = ([v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables])
        for variable, value in zip(model.non_trainable_variables, compiled(*values, images), strict=True):
            variable.assign(value)

    return forward
