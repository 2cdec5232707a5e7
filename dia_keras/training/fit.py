"""Training by `model.fit`, from a recipe and arrays to weights, resumable to the bit."""

import csv
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import keras

from ..data import Split
from ..files import staged
from .augment import batches
from .budget import WallClockBudget
from .checkpoint import Checkpoint, resume
from .fused_norm import fused_batch_norms
from .recipe import Recipe
from .teachers import taught


def fit(
    model: keras.Model,
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
) -> bool:
    """Trains a model in place, going on from the newest checkpoint in `directory`.

    Writes `log.csv` (one row an epoch) and a checkpoint after every epoch. A run that was cut after any epoch and
    goes on ends in the same weights as one that was not.

    Args:
        model: Model from raw images to logits, not compiled.
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
        Whether the training is complete.

    Raises:
        ValueError: Where there are fewer images than a batch has.
    """
    steps = len(train.labels) // recipe.batch_size
    if steps == 0:
        raise ValueError(f"`train` must have at least {recipe.batch_size} images. Received: {len(train.labels)}")
    compile_for(model, recipe, steps, run_eagerly)
    done = resume(model, directory)
    if done >= recipe.epochs:
        # Puts the averaged weights in place, as the end of `model.fit` does.
        model.optimizer.finalize_variable_values(model.trainable_variables)
        return True
    log = directory / "log.csv"
    _keep_epochs(log, done)

    budget = budget or WallClockBudget(None)
    data = batches(train.images, train.labels, num_classes, recipe, done)
    with fused_batch_norms(model, *teachers):
        model.fit(
            taught(data, teachers, recipe.distillation),
            steps_per_epoch=steps,
            epochs=recipe.epochs,
            initial_epoch=done,
            **on_held_out(held_out, num_classes),
            shuffle=False,  # the generator shuffles
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=[
                keras.callbacks.CSVLogger(log, append=done > 0),
                Checkpoint(directory, recipe.seed),
                budget,
                *callbacks,
            ],
        )
    return not budget.stopped


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
