"""A training whose loss is no longer a number stops, and keeps its last good checkpoint."""

import math
import pathlib
import threading

import keras

from .checkpoint_files import checkpoints

#: Steps that the host may be ahead of the device: enough to keep it busy, few enough to stop soon.
AHEAD = 2


class Diverged(RuntimeError):
    """The loss or a weight is NaN or infinite."""


def diverged(what: str, directory: pathlib.Path) -> Diverged:
    """Returns the error that says what is wrong, what is kept, and what to try."""
    kept = [saved.path for saved in checkpoints(directory)]
    return Diverged(
        f"{what}: the training stops. "
        + (f"Its last good checkpoint is {kept[-1]}. " if kept else "It has no checkpoint yet. ")
        + "Try a lower `learning_rate`; in a recipe also gradient clipping (`clip_norm=1.0`) or `precision='float32'`"
        + (", in a new folder." if kept else ".")
    )


class FiniteLoss(keras.callbacks.Callback):
    """Stops the training by an error where its loss is not finite, and keeps the host close to the device.

    Keras hands the loss of a step to a thread, which waits for the device while the host goes on with the next steps.

    Args:
        directory: Folder of the checkpoints, for the error.
        first_step: Steps done of the first epoch by an earlier run.
    """

    #: Lets Keras call `on_train_batch_end` in a thread.
    async_safe = True

    def __init__(self, directory: pathlib.Path, first_step: int = 0):
        super().__init__()
        self.directory, self.first_step = directory, first_step

    def on_train_begin(self, logs=None):
        self._free = threading.Semaphore(AHEAD)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self._free.acquire(timeout=60)  # in vain where the device failed, which Keras then tells

    def on_train_batch_end(self, batch, logs=None):
        self._free.release()
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            step = self.first_step + batch + 1
            raise diverged(f"The loss is {logs['loss']} at step {step} of epoch {self._epoch + 1}", self.directory)
