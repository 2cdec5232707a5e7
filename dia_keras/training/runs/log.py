"""The log of a run: a CSV file with a row for each epoch."""

import csv
import pathlib

import keras

from ...files import staged


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


def keep_epochs(log: pathlib.Path, done: int) -> None:
    """Drops the rows of epochs that are not in the checkpoint: the run was cut between log and checkpoint."""
    if not log.exists():
        return
    with log.open(newline="") as file:
        rows = list(csv.reader(file))
    with staged(log) as new, new.open("w", newline="") as file:
        csv.writer(file).writerows(rows[: done + 1])
