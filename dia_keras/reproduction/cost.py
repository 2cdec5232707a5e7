"""Cost of the units: parameters, multiply-adds, and seconds of a step beside the plain network (section 7.3.1)."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from ..data import DataSet, Split
from ..data.picture import check_memory
from ..timing import interleaved
from ..training.fitting import compile_for
from ..training.steps.cpu_steps import fast_cpu_steps
from .data_sets import IMAGE_SETS
from .runner import choose
from .scale import Scale
from .table import Row, Table
from .trainings.classifier import ClassifierTraining
from .trainings.training import parameters_of


@dataclasses.dataclass(frozen=True)
class RowCost:
    """What the network of a row costs.

    Attributes:
        row: The row.
        parameters: Number of trainable parameters.
        multiply_adds: Multiply-adds of an image, see `multiply_adds`.
        batch_size: Images of a step.
        inference: Median seconds of an inference step.
        training: Median seconds of a training step.
        inference_slower: How much longer inference takes than that of the row's reference, in percent.
        training_slower: The same of a training step.
    """

    row: Row
    parameters: int
    multiply_adds: int
    batch_size: int
    inference: float
    training: float
    inference_slower: float
    training_slower: float


def measure_cost(
    table: Table, *, scale: Scale | None = None, rows: Sequence[str] = (), say: Callable[[str], None] = print
) -> list[RowCost]:
    """Times the networks of a table in turns, in inference and in training, on random images.

    Args:
        table: A table of networks to be timed, `read_table("cost")`.
        scale: Networks, image size and batch size; `seeds` is the number of timed steps of each network.
        rows: Patterns of the keys of rows to time; their references are added. By default all.
        say: Takes a line on each group.

    Returns:
        The costs, in the order of the table.

    Raises:
        ValueError: Where the table is not to be timed, or no row has such a key.
    """
    if not table.is_timed:
        raise ValueError(f"`table` must be one that is timed. Received: {table.name!r}, which is trained")
    scale = scale or Scale()
    scale.check(table)
    keys = {row.key for row in choose(table, rows)}
    costs: list[RowCost] = []
    for name, group in table.groups.items():
        wanted = {row.reference or row.name for row in group if row.key in keys}
        chosen = [row for row in group if row.key in keys or row.name in wanted]
        if chosen:
            say(f"{name}: {', '.join(row.name for row in chosen)}")
            costs += _measure(chosen, scale)
    return costs


def _measure(rows: list[Row], scale: Scale) -> list[RowCost]:
    trainings = {row.name: ClassifierTraining.of(row, 0, scale) for row in rows}
    data = {row.name: _random_batch(row.data, trainings[row.name], scale.image_size) for row in rows}
    models = {row.name: trainings[row.name].build(data[row.name]) for row in rows}
    for name, model in models.items():
        compile_for(model, trainings[name].recipe, 1, scale.is_smoke and keras.backend.backend() != "jax")
    rounds = 1 if scale.is_smoke else scale.seeds
    inference = interleaved({name: _inference(models[name], data[name]) for name in models}, rounds)
    with fast_cpu_steps(*models.values()):
        training = interleaved({name: _training(models[name], data[name]) for name in models}, rounds)
    return [
        RowCost(
            row,
            parameters_of(models[row.name]),
            multiply_adds(models[row.name]),
            trainings[row.name].recipe.batch_size,
            inference[row.name],
            training[row.name],
            *(100 * (seconds[row.name] / seconds[row.reference or row.name] - 1) for seconds in (inference, training)),
        )
        for row in rows
    ]


def _random_batch(name: str, training: ClassifierTraining, image_size: int | None) -> DataSet:
    """Returns a batch of noise in the form of a data set."""
    known, random = IMAGE_SETS[name], np.random.default_rng(0)
    size, number = image_size or known.image_size, training.recipe.batch_size
    check_memory(number, (size, size, 3))
    images = random.integers(0, 256, (number, size, size, 3), np.uint8)
    batch = Split(images, random.integers(0, known.classes, number))
    nobody = Split(images[:0], batch.labels[:0])
    return DataSet(batch, nobody, nobody, tuple(map(str, range(known.classes))))


def _inference(model: keras.Model, data: DataSet) -> Callable[[], Any]:
    return functools.partial(model.predict_on_batch, data.train.images)


def _training(model: keras.Model, data: DataSet) -> Callable[[], Any]:
    targets = keras.utils.to_categorical(data.train.labels, len(data.class_names))
    return functools.partial(model.train_on_batch, data.train.images, targets)


def multiply_adds(model: keras.Model) -> int:
    """Returns the multiply-adds that an image takes in convolutions and matrices: a kernel's size at every place.

    What works element by element, such as batch norms and the gates of the light unit, does not count. The first block
    of a stage counts as the others, though its unit has no state to multiply. A kernel within an attention counts once:
    that is right for SE and the cells, which multiply vectors, and too few for modules that convolve.
    """
    return sum(_of_layer(layer) * len(layer._inbound_nodes) for layer in model.layers)


def _of_layer(layer: keras.Layer) -> int:
    """Returns the multiply-adds of one call of a layer."""
    kernels = [math.prod(weight.shape) for weight in layer.weights if weight.name.endswith("kernel")]
    if isinstance(layer, keras.layers.Conv2D):
        return kernels[0] * math.prod(layer.output.shape[1:]) // layer.filters
    return sum(kernels)
