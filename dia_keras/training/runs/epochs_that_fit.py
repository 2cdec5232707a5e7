"""The number of epochs that fit into a time."""

import dataclasses
import functools
import pathlib
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

import keras

from ...data import Split
from ..augmentation.draws import steps_per_epoch
from ..averaging import AveragedWeights
from ..fitting import batches_of_phase, compile_for, on_held_out, validation_steps
from ..phases import Build, scaled_down, scheduled_phases
from ..recipe import Recipe
from ..steps.cpu_steps import fast_cpu_steps
from ..steps.torch_answers import compiled_answers
from ..steps.torch_step import compiled_step
from .checkpoint import Checkpoint

PROBE_STEPS = 50
#: Factor for epochs that take longer than the one that was measured.
MARGIN = 1.05


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


class Speed(NamedTuple):
    """Seconds that an epoch takes, with evaluation and checkpoint, and those that compiling takes before the first."""

    per_epoch: float
    compiling: float

    def seconds_for(self, epochs: int) -> float:
        """Returns the seconds to allow for so many epochs, with compiling."""
        return self.compiling + MARGIN * epochs * self.per_epoch


def recipe_that_fits(
    recipe: Recipe,
    build: Build,
    teachers: Sequence[keras.Model],
    training: Split,
    held_out: Split,
    num_classes: int,
    seconds: float,
) -> Recipe:
    """Returns the recipe with as many epochs as fit into the seconds, milestones moved alike.

    Args:
        recipe: The recipe; more epochs than it has are not returned.
        build: Function from a phase to a network to measure on, as `fit` takes it.
        teachers: Networks whose answers are a part of the targets.
        training: Training images and labels.
        held_out: Images that every epoch ends with an evaluation on.
        num_classes: Number of classes.
        seconds: The time, from now on, in which compiling is included.

    Raises:
        ValueError: Where not even one epoch of each phase fits.
    """
    began = time.monotonic()
    speeds = measure_phases(recipe, build, teachers, training, held_out, num_classes)
    fitting = epochs_in(seconds - (time.monotonic() - began), recipe, speeds)
    if not fitting:
        epochs = "an epoch" if len(speeds) == 1 else f"{len(speeds)} epochs, one a phase"
        least = sum(speed.seconds_for(1) for speed in speeds)
        raise ValueError(
            f"`minutes` must leave time for {epochs}: {least:.0f} s, of which compiling takes "
            f"{sum(speed.compiling for speed in speeds):.0f}. Received: {seconds / 60:.3g} minutes"
        )
    if fitting < recipe.epochs:
        print(f"{fitting} of the recipe's {recipe.epochs} epochs fit into {seconds / 60:.3g} minutes.")
    return with_epochs(recipe, fitting)


def epochs_in(seconds: float, recipe: Recipe, speeds: Sequence[Speed]) -> int:
    """Returns the most epochs of a recipe that fit into a time in which compiling is included, 0 where none do.

    Args:
        seconds: The time.
        recipe: The recipe.
        speeds: How fast its phases train, see `measure_phases`.
    """
    if seconds <= 0:
        return 0
    most = seconds / (MARGIN * min(speed.per_epoch for speed in speeds))
    for epochs in range(int(min(recipe.epochs, most)), len(speeds) - 1, -1):
        phases = scheduled_phases(with_epochs(recipe, epochs))
        needed = [speed.seconds_for(each.phase.epochs) for speed, each in zip(speeds, phases, strict=True)]
        if sum(needed) <= seconds:
            return epochs
    return 0


def measure_phases(
    recipe: Recipe,
    build: Build,
    teachers: Sequence[keras.Model],
    training: Split,
    held_out: Split,
    num_classes: int,
) -> list[Speed]:
    """Returns how fast every phase of a recipe trains; one without phases is one. See `recipe_that_fits`."""
    speeds: dict[tuple[int | None, int | None], Speed] = {}
    phases = [scheduled.phase for scheduled in scheduled_phases(recipe)]
    for phase in phases:
        if (phase.image_size, phase.depth) not in speeds:
            speeds[phase.image_size, phase.depth] = measure_speed(
                recipe, build(phase), teachers, training, held_out, num_classes, image_size=phase.image_size
            )
    return [speeds[phase.image_size, phase.depth] for phase in phases]


def measure_speed(
    recipe: Recipe,
    model: keras.Model,
    teachers: Sequence[keras.Model],
    training: Split,
    held_out: Split,
    num_classes: int,
    probe_steps: int = PROBE_STEPS,
    image_size: int | None = None,
) -> Speed:
    """Returns how fast a recipe trains, after two epochs of `probe_steps`.

    Args:
        recipe, teachers, training, held_out, num_classes: See `recipe_that_fits`.
        model: Network to measure on; it gets trained a little.
        probe_steps: Most steps of an epoch to take.
        image_size: Height and width of the images, see `Phase`.

    Raises:
        ValueError: Where there are fewer images than a batch has.
    """
    steps = steps_per_epoch(recipe, len(training.labels))
    compile_for(model, recipe, steps)
    clock, probe = EpochClock(), min(probe_steps, steps)
    test_steps = validation_steps(held_out)
    # The first epoch compiles, the second is measured; the real run, of another schedule, compiles once more.
    data = batches_of_phase(recipe, training, num_classes, teachers, image_size)
    averaged = [AveragedWeights(functools.partial(data, is_taught=False))] if recipe.ema is not None else []
    with (
        tempfile.TemporaryDirectory() as folder,
        fast_cpu_steps(model, *teachers),
        compiled_step(model, recipe.epochs * steps, recipe.epochs * test_steps),
        compiled_answers(teachers, recipe.epochs * steps),
    ):
        model.fit(
            data(),
            steps_per_epoch=probe,
            epochs=2,
            **on_held_out(scaled_down(held_out, image_size), num_classes),
            shuffle=False,
            verbose=0,
            callbacks=[clock, *averaged, Checkpoint(pathlib.Path(folder), recipe.seed)],
        )
    compiling = max(0.0, clock.seconds[0] - clock.seconds[1])  # the second epoch may have waited for another process
    per_epoch = clock.seconds[1] + clock.steps[1] * (steps / probe - 1)
    print(f"{per_epoch / steps:.4f} s a step, {per_epoch:.1f} s an epoch, {compiling:.0f} s to compile")
    return Speed(per_epoch, compiling)


def with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    """Returns a recipe with so many epochs, but at least one a phase and no more than it has; milestones move alike."""
    epochs = max(len(recipe.phases), 1, min(recipe.epochs, epochs))
    lengths = [max(1, int(phase.epochs * epochs / recipe.epochs)) for phase in recipe.phases]
    while lengths and sum(lengths) != epochs:  # what rounding leaves goes to the longest phase
        longest = lengths.index(max(lengths))
        lengths[longest] += 1 if sum(lengths) < epochs else -1
    phases = tuple(
        dataclasses.replace(phase, epochs=length) for phase, length in zip(recipe.phases, lengths, strict=True)
    )
    return recipe.replace(epochs=epochs, milestones=moved_milestones(recipe, epochs), phases=phases)


def moved_milestones(recipe: Recipe, epochs: int) -> tuple[int, ...]:
    """Returns the milestones of a recipe in proportion to another number of epochs; those that meet are one."""
    return tuple(dict.fromkeys(max(1, round(milestone * epochs / recipe.epochs)) for milestone in recipe.milestones))
