"""A training in phases: the checkpoint that ends one becomes the one that begins the next."""

import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np

from ..data import Split
from .augmentation.augment import covering
from .growing import grow, matched
from .recipe import Phase, Recipe
from .runs.checkpoint import resume, save
from .runs.checkpoint_files import checkpoints, epochs_done, name_of

Build = Callable[[Phase], keras.Model]
#: Images that are made smaller at once, as float32.
CHUNK = 1000


class ScheduledPhase(NamedTuple):
    """A phase with its place in the training: its number, counted from 0, and the epochs before and after it."""

    phase: Phase
    number: int
    begin: int
    end: int


def scheduled_phases(recipe: Recipe) -> list[ScheduledPhase]:
    """Returns the phases of a recipe with their places; a recipe without phases is one phase."""
    phases: list[ScheduledPhase] = []
    for number, phase in enumerate(recipe.phases or (Phase(recipe.epochs),)):
        begin = phases[-1].end if phases else 0
        phases.append(ScheduledPhase(phase, number, begin, begin + phase.epochs))
    return phases


def remaining_phases(recipe: Recipe, directory: pathlib.Path) -> Iterator[ScheduledPhase]:
    """Yields the phases that the checkpoints in a folder leave to do; the last one even where nothing is."""
    for scheduled in scheduled_phases(recipe):
        if epochs_done(directory) < scheduled.end or scheduled.end == recipe.epochs:
            yield scheduled


def enter_phase(
    scheduled: ScheduledPhase,
    build: Build,
    compile_model: Callable[[keras.Model], None],
    recipe: Recipe,
    directory: pathlib.Path,
) -> keras.Model:
    """Returns the compiled network of a phase, after turning the checkpoint of the phase before into its own.

    Everything goes through the checkpoints, so that a run which is cut between two phases goes on exactly.

    Args:
        scheduled: The phase, with its place in the training.
        build: Function from a phase to its network.
        compile_model: Function that compiles a network for the whole training.
        recipe: The recipe.
        directory: Folder of the checkpoints.
    """
    model = build(scheduled.phase)
    compile_model(model)
    saved = checkpoints(directory)
    if saved and saved[-1].epochs == scheduled.begin and saved[-1].phase < scheduled.number:
        before = build(scheduled_phases(recipe)[scheduled.number - 1].phase)
        compile_model(before)
        resume(before, directory)
        model.optimizer.build(model.trainable_variables)
        grow(before, model, recipe.growth, recipe.momenta)
        save(model, directory / name_of(scheduled.begin, scheduled.number))
    return model


def check_phases(recipe: Recipe, build: Build, train: Split) -> None:
    """Checks that the network of every phase can be built and grows into the next, before hours are spent.

    Raises:
        ValueError: Where it does not, or the images of a phase would be larger than those of the split.
    """
    before = None
    for phase in recipe.phases:
        check_size(train, phase.image_size)
        model = build(phase)
        if before is not None:
            matched(before, model, recipe.growth)
        before = model


def check_size(split: Split, size: int | None) -> None:
    """Raises an error where the images of a phase would be larger than those of the split."""
    if size is not None and size > min(split.images.shape[1:3]):
        raise ValueError(
            f"`image_size` must be at most that of the images, {split.images.shape[1:3]}. Received: {size}"
        )


def scaled_down(split: Split, size: int | None) -> Split:
    """Returns a split with square images of another size, each pixel the mean of what it covers."""
    if size is None or not len(split.labels):
        return split
    check_size(split, size)
    if split.images.dtype != np.uint8:
        raise ValueError(f"`train` must have images of uint8, to scale them down. Received: {split.images.dtype}")
    rows, columns = (covering(size, old) for old in split.images.shape[1:3])
    small = np.empty((len(split.labels), size, size, split.images.shape[3]), np.uint8)
    for start in range(0, len(small), CHUNK):
        part = split.images[start : start + CHUNK].astype("float32")
        means = np.einsum("ih,bhwc,jw->bijc", rows, part, columns, optimize=True)
        small[start : start + CHUNK] = np.floor(means + 0.5)
    return Split(small, split.labels)


def scaled_padding(recipe: Recipe, full_size: int, size: int | None) -> Recipe:
    """Returns a recipe whose padding before the random crop is in proportion to the images of a phase."""
    return recipe if size is None else recipe.replace(pad=round(recipe.pad * size / full_size))
