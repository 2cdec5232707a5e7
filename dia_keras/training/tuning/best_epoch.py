"""Early stopping that a run can go on from: the losses are in the log, the best weights in a file."""

import contextlib
import math
import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from ...files import staged, to_disk
from ..averaging import AveragedWeights
from ..runs.log import read_log

#: Files of best weights that are kept: where the newest checkpoint is damaged, a run goes on from the one before.
KEPT = 2
BEST_FILES = "best_epoch_*.npz"


def held_out_losses(log: pathlib.Path) -> list[float | None]:
    """Returns the loss on the held-out images of every epoch in a `log.csv`, `None` where none are held out."""
    return [row.get("val_loss") for row in read_log(log)]


def best_of(losses: Sequence[float | None]) -> int:
    """Returns the number of the best epoch, counted from 1: that of the lowest loss, or the last one without losses."""
    known = [math.inf if loss is None or math.isnan(loss) else loss for loss in losses]
    return len(known) if min(known, default=math.inf) == math.inf else 1 + known.index(min(known))


def epochs_without_progress(losses: Sequence[float | None]) -> int:
    """Returns the number of epochs since the loss was lowest; 0 without losses."""
    return 0 if None in losses or not losses else len(losses) - best_of(losses)


def epochs_of(losses: Sequence[float | None], most: int, patience: int) -> int:
    """Returns how many of the epochs since a part of the training began are its own: until it ended, or all so far.

    Args:
        losses: The losses since the part began, also those of the part after it.
        most: Epochs that the part has at most.
        patience: Epochs without progress after which it ends.
    """
    own = losses[:most]
    ends = (number for number in range(1, len(own)) if epochs_without_progress(own[:number]) >= patience)
    return next(ends, len(own))


class BestEpoch(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, and ends the training after some epochs without a lower loss.

    Where no images are held out, the best epoch is the last one.

    Args:
        directory: Folder of the run, whose log has the epochs before.
        patience: Number of these epochs.
        begin: Epochs done before this phase, whose losses do not count for the patience.
        averaged: What evaluates averaged weights, where they are the ones to keep.
    """

    def __init__(self, directory: pathlib.Path, patience: int, begin: int, averaged: AveragedWeights | None = None):
        super().__init__()
        self.directory, self.patience, self.begin, self.averaged = directory, patience, begin, averaged

    def on_train_begin(self, logs=None):
        self.losses = held_out_losses(self.directory / "log.csv")

    def on_epoch_end(self, epoch, logs=None):
        loss = (logs or {}).get("val_loss")
        self.losses = [*self.losses[:epoch], None if loss is None else float(loss)]
        if best_of(self.losses) == epoch + 1:
            with self.averaged.in_place() if self.averaged else contextlib.nullcontext():
                save_best(self.model, self.directory, epoch + 1)
        if epochs_without_progress(self.losses[self.begin :]) >= self.patience:
            self.model.stop_training = True


def save_best(model: keras.Model, directory: pathlib.Path, epoch: int) -> None:
    """Writes all that a network has learned until an epoch, counted from 1."""
    if keras.backend.backend() == "jax":
        model.jax_state_sync()
    with staged(_best_file(directory, epoch)) as new:
        with new.open("wb") as file:
            np.savez(file, *(keras.ops.convert_to_numpy(variable) for variable in model.variables))
        to_disk(new)
    to_disk(directory)
    for path in best_files(directory)[:-KEPT]:
        path.unlink()


def load_best(model: keras.Model, directory: pathlib.Path, epoch: int) -> None:
    """Sets a network to what it had learned until an epoch.

    Raises:
        ValueError: Where the file is missing or damaged.
    """
    path = _best_file(directory, epoch)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = [arrays[name] for name in arrays.files]
        for variable, value in zip(model.variables, values, strict=True):
            variable.assign(value)
    except Exception as error:  # a damaged archive ends in errors of many kinds
        raise ValueError(
            "`directory` must hold the best weights of its run. To start over, use another folder. "
            f"Received: {path} ({error})"
        ) from error


def check_epochs(directory: pathlib.Path, done: int) -> None:
    """Checks that a run's folder has the losses and the best weights of the epochs that its checkpoint has.

    Raises:
        ValueError: Where it does not, as after a copy of some of its files.
    """
    losses = held_out_losses(directory / "log.csv")
    if len(losses) != done:
        raise ValueError(
            f"`directory` must hold log.csv with a row for each of the {done} epochs of its checkpoint. To start over, "
            f"use another folder. Received: {directory}, with {len(losses)} rows"
        )
    if losses and not _best_file(directory, best_of(losses)).is_file():
        raise ValueError(
            "`directory` must hold the best weights of its run. To start over, use another folder. "
            f"Received: {directory}, without {_best_file(directory, best_of(losses)).name}"
        )


def _best_file(directory: pathlib.Path, epoch: int) -> pathlib.Path:
    return directory / BEST_FILES.replace("*", str(epoch))


def best_files(directory: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files of best weights in a folder, oldest first."""
    return sorted(directory.glob(BEST_FILES), key=lambda path: int(path.stem.rpartition("_")[2]))
