"""Training by `model.fit`, from a recipe and arrays to weights, resumable to the bit."""

import csv
import functools
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import keras

from ..data import Split
from ..files import staged
from .augment import batches
from .averaging import AveragedWeights, first_images, measure_statistics
from .budget import WallClockBudget
from .checkpoint import Checkpoint, epochs_done, resume
from .fused_norm import fused_batch_norms
from .phases import Build, enter, parts_to_go, scaled_down, scaled_padding
from .recipe import Recipe
from .teachers import taught
from .torch_step import compiled_step


def fit(
    model: keras.Model | Build,
    recipe: Recipe,
    train: Split,
    directory: pathlib.Path,
    *,
    num_classes: int,
    teachers: Sequence[keras.Model] = (),
    held_out: Split | None = None,
    budget: WallClockBudget | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    run_eagerly: bool = False,
) -> keras.Model | None:
    """Trains a model, going on from the newest checkpoint in `directory`.

    Writes `log.csv` (one row an epoch) and a checkpoint after every epoch. A run that was cut after any epoch and
    goes on ends in the same weights as one that was not.

    Args:
        model: Model from raw images to logits, not compiled; or, for a recipe with phases, a function that builds the
            model of a phase. A model is trained in place.
        recipe: The recipe.
        train: Training images and labels.
        directory: Existing folder for log and checkpoints.
        num_classes: Number of classes.
        teachers: Networks that take part in the targets, by `recipe.distillation`.
        held_out: Images to evaluate on after every epoch.
        budget: Stops the run early.
        callbacks: Further callbacks of `model.fit`.
        run_eagerly: Whether nothing is compiled: sooner for a few steps of a deep net.

    Returns:
        The trained model, or `None` where the budget ended the run before the last epoch.

    Raises:
        ValueError: Where there are fewer images than a batch has, or a recipe with phases gets a model.
    """
    steps = len(train.labels) // recipe.batch_size
    if steps == 0:
        raise ValueError(f"`train` must have at least {recipe.batch_size} images. Received: {len(train.labels)}")
    if recipe.phases and isinstance(model, keras.Model):
        raise ValueError("`model` must be a function that builds the model of a phase. Received: a model, and phases")
    build: Build = (lambda phase: model) if isinstance(model, keras.Model) else model
    budget = budget or WallClockBudget(None)
    budget.epochs = recipe.epochs
    log = directory / "log.csv"
    _keep_epochs(log, epochs_done(directory))
    trained = None
    for part in parts_to_go(recipe, directory):
        trained = enter(part, build, lambda each: compile_for(each, recipe, steps, run_eagerly), recipe, directory)
        done = resume(trained, directory)
        size = part.phase.image_size
        images, labels = scaled_down(train, size)
        scaled = scaled_padding(recipe, train.images.shape[1], size)
        first_batches = functools.partial(batches, images, labels, num_classes, scaled)
        if done >= part.end:
            # Puts the averaged weights in place, as the end of `model.fit` does.
            trained.optimizer.finalize_variable_values(trained.trainable_variables)
            break
        data = batches(images, labels, num_classes, scaled, done)
        with fused_batch_norms(trained, *teachers), compiled_step(trained, recipe.epochs * steps):
            trained.fit(
                taught(data, teachers, recipe.distillation),
                steps_per_epoch=steps,
                epochs=part.end,
                initial_epoch=done,
                **on_held_out(held_out and scaled_down(held_out, size), num_classes),
                shuffle=False,  # the generator shuffles
                verbose=1 if sys.stdout.isatty() else 2,
                callbacks=[
                    keras.callbacks.CSVLogger(log, append=done > 0),
                    Checkpoint(directory, recipe.seed),
                    budget,
                    *([AveragedWeights(first_batches)] if recipe.ema is not None else []),
                    *callbacks,
                ],
            )
        if budget.stopped:
            return None
    if recipe.ema is not None:
        measure_statistics(trained, first_images(first_batches()))
    return trained


def on_held_out(held_out: Split | None, num_classes: int) -> dict[str, Any]:
    """Returns the arguments of `model.fit` that end every epoch with an evaluation, if there are images for it."""
    if held_out is None or not len(held_out.labels):
        return {}
    targets = keras.utils.to_categorical(held_out.labels, num_classes)
    return {"validation_data": (held_out.images, targets), "validation_batch_size": 250}


def compile_for(model: keras.Model, recipe: Recipe, steps_per_epoch: int, run_eagerly: bool = False) -> None:
    """Compiles a model for training by a recipe: by XLA on JAX and on GPUs, where it pays."""
    backend = keras.backend.backend()
    xla = backend == "jax" or (backend == "tensorflow" and bool(keras.distribution.list_devices("gpu")))
    model.compile(
        recipe.optimizer(steps_per_epoch),
        recipe.loss(),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        run_eagerly=run_eagerly,
        jit_compile=xla and not run_eagerly,
    )


def _keep_epochs(log: pathlib.Path, done: int) -> None:
    """Drops the rows of epochs that are not in the checkpoint: the run was cut between log and checkpoint."""
    if not log.exists():
        return
    with log.open(newline="") as file:
        rows = list(csv.reader(file))
    with staged(log) as new, new.open("w", newline="") as file:
        csv.writer(file).writerows(rows[: done + 1])
