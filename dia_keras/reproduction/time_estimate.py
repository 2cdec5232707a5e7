"""Estimate of a table's time on this machine, measured by a few steps."""

import dataclasses
import time
from collections.abc import Callable, Sequence

from ..data import DataSet, Split
from ..training.fitting import training_images
from ..training.runs.epochs_that_fit import measure_speed
from .data_sets import Sources
from .row_training import build
from .runner import LoadedOnce, check
from .scale import Scale, Training, training_of
from .table import Row, Table

#: Steps that are measured, after as many that warm up.
STEPS = 5
BATCH = 250


@dataclasses.dataclass(frozen=True)
class GroupEstimate:
    """What a group of rows takes.

    Attributes:
        group: The group's name.
        rows: Keys of the rows.
        trainings: Number of trainings, all seeds together.
        epochs: Epochs of each.
        measured: Name of the row that was measured.
        seconds_per_training: Seconds of a training, with compiling, evaluation and checkpoints.
    """

    group: str
    rows: tuple[str, ...]
    trainings: int
    epochs: int
    measured: str
    seconds_per_training: float

    @property
    def hours(self) -> float:
        """Hours of all trainings, one after the other."""
        return self.trainings * self.seconds_per_training / 3600


def estimate(
    table: Table,
    *,
    scale: Scale | None = None,
    sources: Sources | None = None,
    rows: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> list[GroupEstimate]:
    """Measures one row of each network and image size for a few steps, and returns what the groups of rows take.

    All rows of a group count as the one measured: its reference, the heaviest of most tables. Two data sets of the same
    image size share a measurement. The other arguments are those of `reproduce`.
    """
    scale, sources = scale or Scale(), sources or Sources()
    chosen = check(table, scale, sources, rows)
    data, estimates = LoadedOnce(sources, scale), []
    speeds: dict[tuple, _Measured] = {}
    groups = {row.group: [member for member in chosen if member.group == row.group] for row in chosen}
    for name, group in groups.items():
        row = _representative(group)
        training = training_of(row, 0, scale)
        loaded = data(row.data, training.recipe.held_out)
        images = training_images(training.recipe, loaded.train)
        settings = (training.backbone, str(training.arguments), training.recipe.batch_size)
        key = (*settings, loaded.train.images.shape[1:], len(images.labels))
        if key not in speeds:
            say(f"{name}: {row.name}")
            speeds[key] = _measure(training, row.data, loaded)
        speed, epochs = speeds[key], training.recipe.epochs
        watched = len(loaded.test.labels if table.curves else loaded.held_out.labels)
        evaluated = epochs * watched + len(loaded.test.labels)
        seconds = speed.compiling + epochs * speed.epoch + evaluated * speed.image
        keys = tuple(member.key for member in group)
        estimates.append(GroupEstimate(name, keys, len(keys) * scale.seeds, epochs, row.name, seconds))
    return estimates


@dataclasses.dataclass(frozen=True)
class _Measured:
    """Seconds of compiling, of an epoch with its checkpoint, and of an image in an evaluation."""

    compiling: float
    epoch: float
    image: float


def _representative(group: list[Row]) -> Row:
    """Returns the row that most others are compared with; the last one where each has its own reference."""
    named = [row.reference for row in group if row.reference]
    most = max(named, key=named.count, default=None)
    return next((row for row in group if row.name == most and named.count(most) > 1), group[-1])


def _measure(training: Training, data_name: str, data: DataSet) -> _Measured:
    model, images = build(training, data_name, data), training_images(training.recipe, data.train)
    nobody = Split(images.images[:0], images.labels[:0])
    speed = measure_speed(training.recipe, model, (), images, nobody, len(data.class_names), STEPS)
    batch = data.test.images[:BATCH]
    model.predict_on_batch(batch)
    began = time.monotonic()
    model.predict_on_batch(batch)
    return _Measured(speed.compiling, speed.per_epoch, (time.monotonic() - began) / len(batch))
