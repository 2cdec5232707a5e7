"""Stopping before the time is up."""

import time

import keras


class WallClockBudget(keras.callbacks.Callback):
    """Stops the training after the epoch from which another would not fit into the budget; tells the time left.

    Args:
        minutes: Budget in minutes from `started`, or `None` for no limit.
        started: `time.monotonic()` of the start; now by default.

    Attributes:
        epochs: Epochs of the whole training, where `model.fit` does a phase of it.
        stopped: Whether the budget ended the training.
    """

    def __init__(self, minutes: float | None, started: float | None = None):
        super().__init__()
        self.epochs: int | None = None
        self.minutes = minutes
        self.started = time.monotonic() if started is None else started
        self.stopped = False

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        now = time.monotonic()
        seconds = now - self._epoch_started
        epochs = self.epochs or self.params["epochs"]
        left = epochs - epoch - 1
        print(f"epoch {epoch + 1}/{epochs}: {seconds:.0f} s, {left * seconds / 60:.0f} min to go")
        # A tenth more than the last epoch took, since an epoch's time varies.
        if self.minutes is not None and left and now - self.started + 1.1 * seconds > 60 * self.minutes:
            self.stopped = True
            self.model.stop_training = True
