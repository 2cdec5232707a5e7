"""How many epochs fit into a time."""

import pathlib
import tempfile
import time
from collections.abc import Sequence

import keras

from ..data import Split
from .augment import batches
from .checkpoint import Checkpoint
from .fit import compile_for, on_held_out
from .fused_norm import fused_batch_norms
from .recipe import Recipe
from .teachers import taught

PROBE_STEPS = 50


class EpochClock(keras.callbacks.Callback):
    """Measures every epoch: its training steps, and all of it, with evaluation and the callbacks that come after.

    Attributes:
        steps: Seconds of the training steps, by epoch.
        seconds: Seconds from the start of the epoch to that of the next, or the end of the training, by epoch.
    """

    def on_train_begin(self, logs=None):
        self.steps: list[float] = []
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        self._close(epoch)
        self._began = time.monotonic()

    def on_test_begin(self, logs=None):
        self._end_of_steps()

    def on_epoch_end(self, epoch, logs=None):
        self._end_of_steps()

    def on_train_end(self, logs=None):
        self._close(len(self.steps))

    def _end_of_steps(self):
        if len(self.steps) == len(self.seconds):
            self.steps.append(time.monotonic() - self._began)

    def _close(self, epochs: int):
        if len(self.seconds) < epochs:
            self.seconds.append(time.monotonic() - self._began)


def fitted(
    recipe: Recipe,
    model: keras.Model,
    teachers: Sequence[keras.Model],
    training: Split,
    held_out: Split,
    num_classes: int,
    seconds: float,
) -> Recipe:
    """Returns the recipe with as many epochs as fit into the seconds, milestones moved alike.

    Args:
        recipe: The recipe; more epochs than it has are not returned.
        model: Network to measure on, as `fit` takes it; it gets trained a little.
        teachers: Networks that take part in the targets.
        training: Training images and labels.
        held_out: Images that every epoch ends with an evaluation on.
        num_classes: Number of classes.
        seconds: The time, from now on, in which compiling is included.
    """
    steps = len(training.labels) // recipe.batch_size
    compile_for(model, recipe, steps)
    clock, began, probe = EpochClock(), time.monotonic(), min(PROBE_STEPS, steps)
    # The first epoch compiles, the second is measured; the real run, of another schedule, compiles once more.
    data = batches(training.images, training.labels, num_classes, recipe)
    with tempfile.TemporaryDirectory() as folder, fused_batch_norms(model, *teachers):
        model.fit(
            taught(data, teachers, recipe.distillation),
            steps_per_epoch=probe,
            epochs=2,
            **on_held_out(held_out, num_classes),
            shuffle=False,
            verbose=0,
            callbacks=[clock, Checkpoint(pathlib.Path(folder), recipe.seed)],
        )
    compiling = clock.seconds[0] - clock.seconds[1]
    per_epoch = clock.seconds[1] + clock.steps[1] * (steps / probe - 1)
    left = seconds - (time.monotonic() - began) - compiling
    epochs = max(1, min(recipe.epochs, int(left / (1.05 * per_epoch))))
    print(f"{per_epoch:.1f} s an epoch, {compiling:.0f} s to compile: {epochs} epochs fit")
    milestones = tuple(dict.fromkeys(max(1, round(m * epochs / recipe.epochs)) for m in recipe.milestones))
    return recipe.replace(epochs=epochs, milestones=milestones)
