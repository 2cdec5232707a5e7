"""Stopping before the time is up."""

import math
import time

import keras


class WallClockBudget(keras.callbacks.Callback):
    """Ends the training before the step for which the budget has no time, and prints the time left after every epoch.

    `Checkpoint` saves the training then. An epoch's last step counts with the evaluation and the checkpoint after it.

    Args:
        minutes: Budget in minutes from `started`, or `None` for no limit.
        started: `time.monotonic()` of the start; now by default.

    Attributes:
        epochs: Epochs of the whole training, where `model.fit` does a phase of it.
        stopped: Whether the training is to end, or has ended, before its last epoch.

    Raises:
        ValueError: Where `minutes` is not positive and finite.
    """

    def __init__(self, minutes: float | None, started: float | None = None):
        super().__init__()
        if minutes is not None and not 0 < minutes < math.inf:
            raise ValueError(f"`minutes` must be positive and finite. Received: minutes={minutes!r}")
        self.epochs: int | None = None
        self.minutes = minutes
        self.started = time.monotonic() if started is None else started
        self.stopped = False
        self._step = self._end_of_epoch = 0.0
        self._step_began: float | None = None

    def on_epoch_begin(self, epoch, logs=None):
        now = self._epoch_began = time.monotonic()
        if self._step_began is not None:
            self._end_of_epoch = max(0.0, now - self._step_began - self._step)

    def on_train_batch_begin(self, batch, logs=None):
        now = time.monotonic()
        if batch > 1 and self._step_began is not None:  # the first step may compile
            self._step = now - self._step_began
        self._step_began = now
        needed = self._step + (self._end_of_epoch if batch + 1 == self.params["steps"] else 0.0)
        if self.minutes is not None and now + needed > self.started + 60 * self.minutes:
            self.stopped = True

    def on_train_end(self, logs=None):
        self._step_began = None

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.monotonic() - self._epoch_began
        epochs = self.epochs or self.params["epochs"]
        left = epochs - epoch - 1
        print(f"epoch {epoch + 1}/{epochs}: {seconds:.0f} s, {left * seconds / 60:.0f} min to go")
