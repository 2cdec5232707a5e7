"""A run: a recipe, its data, its folder. What `zoo/train.py` and `dia-keras train` do."""

import inspect
import os
import pathlib
import time
from typing import NamedTuple

import keras

from ... import data as data_module
from ... import zoo
from ...data.picture import Resize
from ...zoo.architectures import BACKBONES
from ...zoo.cards import check_name
from ...zoo.loading import build as build_network
from ...zoo.network_data import load_data
from ..fitting import fit, training_images
from ..phases import Build
from ..precision import built_in
from ..recipe import Phase, Recipe
from ..recipe_file import smoke
from ..steps.xla_cache import keep_compiled_programs
from ..teachers import load_teachers
from ..warm_start import start_warm
from .budget import WallClockBudget
from .curves import plot_curves
from .epochs_that_fit import Speed, measure_phases, recipe_that_fits
from .final_weights import save_final_weights
from .interruption import Interrupted, how_to_resume, stopped_by_signals
from .log import Clocks, RunRecord
from .run_folder import check_same_data, check_same_recipe, check_same_weights, locked_folder, recorded_recipe


def train(
    recipe: Recipe,
    directory: str | os.PathLike,
    *,
    source: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    resize: Resize | None = None,
    minutes: float | None = None,
    fit_to_minutes: bool = False,
    is_smoke: bool = False,
) -> pathlib.Path | None:
    """Trains a zoo entry, or goes on training it, in a folder of its own.

    The folder gets `recipe.json`, `data.json` (SHA-256 of the training data), `log.csv`, `run.json` (command, device,
    versions, minutes), `curves.png`, the two newest checkpoints with `checkpoints.json`, their SHA-256, and, when the
    training is complete, `final.weights.h5` (float16, or float32 where a weight is beyond that). Where there are
    teachers, or initial weights, `teachers.json` and `initial_weights.json` have the SHA-256 of their weights. An error
    before the first checkpoint leaves nothing of this.

    Args:
        recipe: The recipe.
        directory: The run's folder; made if missing. One that holds a run of another recipe is an error.
        source: Where the data are: see `dia_keras.data.load`. Default: the entry's data set, from TFDS.
        data_dir: TFDS' folder.
        resize: How images of another size are resized, see `dia_keras.data.load`. Default: what the card says.
        minutes: Wall-clock budget; the run checkpoints and stops before it is spent, also within an epoch.
        fit_to_minutes: Measure the time an epoch first, and lower the number of epochs to what fits.
        is_smoke: Take two steps, one an epoch, and compile nothing where the backend can do without.

    Returns:
        The path of the final weights, or `None` where the budget ended the run before the last epoch.

    Raises:
        ValueError: Where `minutes` is not positive and finite, where the folder is that of a training that runs, or of
            another recipe, other data or other teachers, or where none of its checkpoints is whole.
        Diverged: Where the loss is not finite. The last good checkpoint stays.
        Interrupted: A `KeyboardInterrupt`, after Ctrl-C or SIGTERM stopped the run with a checkpoint.
    """
    started = Clocks.now()
    budget = WallClockBudget(minutes, started.wall)
    if fit_to_minutes and minutes is None:
        raise ValueError("`fit_to_minutes` needs `minutes`. Received: minutes=None")
    keep_compiled_programs()
    directory = pathlib.Path(directory)
    recipe = smoke(recipe) if is_smoke else recipe
    build, training, held_out, num_classes = prepare(recipe, source, data_dir, resize)
    teachers = load_teachers(recipe)
    weights = directory / "final.weights.h5"
    with locked_folder(directory), stopped_by_signals(budget) as signals:
        record = directory / "recipe.json"
        if fit_to_minutes and record.exists():
            earlier = recorded_recipe(record)
            recipe = recipe.replace(epochs=earlier.epochs, milestones=earlier.milestones, phases=earlier.phases)
        elif minutes is not None and fit_to_minutes:
            left = 60 * minutes - (time.monotonic() - started.wall)
            recipe = recipe_that_fits(recipe, build, teachers, training, held_out, num_classes, left)
        check_same_recipe(recipe, record)
        check_same_data(training, directory / "data.json")
        check_same_weights("teachers", recipe.teachers, directory / "teachers.json")
        check_same_weights(
            "initial_weights",
            [recipe.initial_weights] if recipe.initial_weights else [],
            directory / "initial_weights.json",
        )

        run_record = RunRecord(directory / "run.json", started)
        model = fit(
            build,
            recipe,
            training,
            directory,
            num_classes=num_classes,
            teachers=teachers,
            held_out=held_out,
            budget=budget,
            callbacks=[run_record],
            # Compiling takes longer than a few steps; but without it, JAX compiles every op of its own.
            run_eagerly=is_smoke and keras.backend.backend() != "jax",
        )
        run_record.write()
        plot_curves(directory / "log.csv", directory / "curves.png", title=recipe.entry)
        if model is not None:
            save_final_weights(model, weights)
            return weights
    if signals:
        raise Interrupted(f"Stopped. {how_to_resume(directory)}", signals[0])
    return None


def speeds(
    recipe: Recipe, source: str | os.PathLike | None = None, data_dir: str | os.PathLike | None = None
) -> list[Speed]:
    """Returns how fast the phases of a recipe train here. The arguments are those of `train`."""
    keep_compiled_programs()
    build, training, held_out, num_classes = prepare(recipe, source, data_dir)
    return measure_phases(recipe, build, load_teachers(recipe), training, held_out, num_classes)


class Prepared(NamedTuple):
    """What a recipe names: the networks of its phases, the images to train on and those held out, and the classes."""

    build: Build
    training: data_module.Split
    held_out: data_module.Split
    num_classes: int


def check_dropout(dropout: float, backbone: str, network: str) -> None:
    """Checks that a network's backbone has a dropout to change.

    Raises:
        ValueError: If it does not.
    """
    with_dropout = [name for name, make in BACKBONES.items() if "dropout" in inspect.signature(make).parameters]
    if backbone not in with_dropout:
        raise ValueError(
            f"`dropout` is for networks whose backbone has one: {', '.join(with_dropout)}. Received: "
            f"dropout={dropout}, of {network}, a {backbone}"
        )


def prepare(
    recipe: Recipe,
    source: str | os.PathLike | None,
    data_dir: str | os.PathLike | None,
    resize: Resize | None = None,
) -> Prepared:
    """Loads the data of a recipe, and returns them with the function that builds its networks."""
    check_name(recipe.entry, "entry")
    card = zoo.card(recipe.entry)
    if recipe.dropout is not None:
        check_dropout(recipe.dropout, card.architecture.backbone, recipe.entry)
    data = load_data(card, source, data_dir, recipe.held_out, resize)
    training = training_images(recipe, data.train)

    def build(phase: Phase) -> keras.Model:
        size = (phase.image_size,) * 2 if phase.image_size else card.dataset.image_size
        changes = {"depth": phase.depth, "dropout": recipe.dropout}
        with built_in(recipe.precision):
            keras.utils.set_random_seed(recipe.seed)
            model = build_network(
                recipe.entry, (*size, 3), **{name: value for name, value in changes.items() if value is not None}
            )
            start_warm(model, recipe)
            return model

    return Prepared(build, training, data.held_out, len(data.class_names))
