"""Trainings that are cut, in tests."""

from dia_keras.training.runs.budget import WallClockBudget


class CutAt(WallClockBudget):
    """Stops a run as a spent budget does: at the end of an epoch, or before a step of the epoch after it."""

    def __init__(self, epochs, step=0):
        super().__init__(None)
        self.cut = epochs, step

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch)
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(batch)
        if batch and (self.epoch, batch) == self.cut:
            self.stopped = True

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch)
        if (epoch + 1, 0) == self.cut:
            self.stopped = True
