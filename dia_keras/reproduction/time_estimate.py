"""Estimate of a table's time on this machine, measured by a few steps."""

import dataclasses
from collections.abc import Callable, Hashable, Sequence

from .data_sets import Sources
from .runner import LoadedOnce, check
from .scale import Scale
from .table import Row, Table
from .trainings import training_of
from .trainings.training import Seconds


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
    image size share a measurement.

    Args:
        table: The table.
        scale: The scale; by default the paper's.
        sources: Where the data are; by default in TFDS' folder.
        rows: Patterns, like `"*dia-lstm*"`, of the keys of rows to train; by default all.
        say: Takes a line on each measurement.

    Returns:
        A `GroupEstimate` for each group of rows.

    Raises:
        ValueError: Where the table cannot be run, or no row has such a key.
        FileNotFoundError: Where data are missing; the message says how to get them.
    """
    scale, sources = scale or Scale(), sources or Sources()
    chosen = check(table, scale, sources, rows)
    data, estimates = LoadedOnce(sources, scale), []
    speeds: dict[Hashable, Seconds] = {}
    groups = {row.group: [member for member in chosen if member.group == row.group] for row in chosen}
    for name, group in groups.items():
        row = _representative(group)
        training = training_of(row, 0, scale)
        loaded = data(training)
        key = training.speed_key(loaded)
        if key not in speeds:
            say(f"{name}: {row.name}")
            speeds[key] = training.seconds(loaded)
        speed, epochs = speeds[key], training.epochs
        evaluated = training.evaluated_images(loaded, table.curves)
        seconds = speed.compiling + epochs * speed.epoch + evaluated * speed.image
        keys = tuple(member.key for member in group)
        estimates.append(GroupEstimate(name, keys, len(keys) * scale.seeds, epochs, row.name, seconds))
    return estimates


def _representative(group: list[Row]) -> Row:
    """Returns the row that most others are compared with; the last one where each has its own reference."""
    named = [row.reference for row in group if row.reference]
    most = max(named, key=named.count, default=None)
    return next((row for row in group if row.name == most and named.count(most) > 1), group[-1])
