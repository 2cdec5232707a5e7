"""Logs of a run: a row of `log.csv` after every epoch, and `run.json`, the machine and the minutes."""

import csv
import pathlib
import time
from typing import NamedTuple

import keras

from ...files import staged, to_disk, write_json
from ...host import describe_run
from .run_folder import read_record


class EpochLog(keras.callbacks.Callback):
    """Appends a row after every epoch, in the form of `keras.callbacks.CSVLogger`, and leaves no file open.

    Args:
        path: The file.
    """

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        values = dict(sorted((logs or {}).items()))
        if not any(name.startswith("val_") for name in values):
            values.update({f"val_{name}": "NA" for name in values})
        is_new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, ["epoch", *values])
            if is_new:
                writer.writeheader()
            writer.writerow({"epoch": epoch, **values})
        to_disk(self.path)  # before the checkpoint of the epoch is


class Clocks(NamedTuple):
    """A point in time, in seconds: `time.monotonic()`, and the time that processors have spent on this process."""

    wall: float
    processor: float

    @classmethod
    def now(cls) -> "Clocks":
        return cls(time.monotonic(), time.process_time())


class RunRecord(keras.callbacks.Callback):
    """Writes command, device, versions, and the minutes that the run took, by the clock and of processors.

    Args:
        path: The file. The minutes of one that is there are added.
        started: The clocks at the start.
    """

    def __init__(self, path: pathlib.Path, started: Clocks):
        super().__init__()
        self.path, self.started = path, started
        self.earlier = read_record(path) if path.exists() else {}

    def on_epoch_end(self, epoch, logs=None):
        self.write()

    def write(self) -> None:
        now = Clocks.now()
        spent = {"minutes": now.wall - self.started.wall, "processor_minutes": now.processor - self.started.processor}
        minutes = {name: round(self.earlier.get(name, 0.0) + seconds / 60, 2) for name, seconds in spent.items()}
        write_json(self.path, {**describe_run(), **minutes})


def read_log(path: pathlib.Path) -> list[dict[str, float]]:
    """Returns the rows of a `log.csv`, each without what is not there; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            {key: float(value) for key, value in row.items() if value not in ("NA", None)}
            for row in csv.DictReader(file)
        ]


def keep_epochs(log: pathlib.Path, done: int) -> None:
    """Drops the rows of epochs that are not in the checkpoint: the run was cut between log and checkpoint."""
    if not log.exists():
        return
    with log.open(newline="") as file:
        rows = list(csv.reader(file))
    with staged(log) as new, new.open("w", newline="") as file:
        csv.writer(file).writerows(rows[: done + 1])
