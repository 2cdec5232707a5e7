"""Training by `model.fit`, from a recipe and arrays to weights, resumable to the bit."""

import functools
import math
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from ..data.data_set import Split, check_split
from ..inference.copies import is_functional
from ..inference.ending import final_activation
from .augmentation.batches import Batches
from .augmentation.draws import steps_per_epoch
from .averaging import AveragedWeights, average, measure_statistics, statistics_batches, trainable_values
from .phases import Build, check_phases, check_size, enter_phase, remaining_phases, scaled_down, scaled_padding
from .recipe import Phase, Recipe
from .runs.budget import WallClockBudget
from .runs.checkpoint import set_seeds
from .runs.checkpoint_files import checkpoints, epochs_done, keep_whole
from .runs.log import keep_epochs
from .runs.resuming import fit_resumed
from .steps.cpu_steps import fast_cpu_steps
from .steps.torch_answers import compiled_answers
from .steps.torch_step import compiled_step
from .teachers import taught

#: Images in a batch of an evaluation.
TEST_BATCH_SIZE = 250


def fit(
    model: keras.Model | Build,
    recipe: Recipe,
    train: Split,
    directory: str | os.PathLike,
    *,
    num_classes: int,
    teachers: Sequence[keras.Model] = (),
    held_out: Split | None = None,
    budget: WallClockBudget | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    run_eagerly: bool = False,
) -> keras.Model | None:
    """Trains a model, going on from the newest checkpoint in `directory` that is whole.

    Writes `log.csv` (one row an epoch) and a checkpoint after every epoch, or within one where the budget ends. A run
    that was cut anywhere and goes on ends in the same weights as one that was not.

    Args:
        model: Model from raw images to logits, not compiled; or, for a recipe with phases or an `initial_share`, a
            function that builds the model of a phase, as the training begins. A model is trained in place.
        recipe: The recipe. Its `images`, `held_out`, `precision`, `dropout` and `initial_weights` are for `train`,
            which chooses the images and builds the networks; here, both are given.
        train: Training images and labels.
        directory: Existing folder for log and checkpoints.
        num_classes: Number of classes.
        teachers: Networks from the images to probabilities, `(batch, num_classes)`, whose answers are a part of the
            targets, by `recipe.distillation`.
        held_out: Images to evaluate on after every epoch.
        budget: Stops the run early.
        callbacks: Further callbacks of `model.fit`.
        run_eagerly: Whether nothing is compiled: sooner for a few steps of a deep net.

    Returns:
        The trained model, or `None` where the budget ended the run before the last epoch.

    Raises:
        ValueError: Where there are fewer images than a batch has, labels out of range, or no folder; where the
            model answers with probabilities or computes in float16, a teacher answers with anything else than
            probabilities of the classes, the networks of two phases do not belong together, a recipe that needs a
            function gets a model, a network is not a graph of layers, or none of the checkpoints is whole.
        Diverged: Where the loss is not finite. The last good checkpoint stays.
    """
    directory = pathlib.Path(directory)
    if not directory.is_dir():
        raise ValueError(f"`directory` must be an existing folder. Received: directory={str(directory)!r}")
    check_split("train", train, num_classes)
    if held_out is not None and len(held_out.labels):
        check_split("held_out", held_out, num_classes)
    steps = steps_per_epoch(recipe, len(train.labels))
    if isinstance(model, keras.Model) and (recipe.phases or recipe.initial_share):
        given = "phases" if recipe.phases else "initial_share"
        raise ValueError(f"`model` must be a function that builds the model of a phase. Received: a model, and {given}")
    if recipe.teachers and not teachers:
        raise ValueError(f"`teachers` must be the networks that the recipe names: {', '.join(recipe.teachers)}")
    for teacher in teachers:
        check_teacher(teacher, num_classes)
    test_steps = validation_steps(held_out)
    build: Build = (lambda phase: model) if isinstance(model, keras.Model) else model

    def build_checked(phase: Phase) -> keras.Model:
        built = build(phase)
        check_answers_logits(built)
        if any(layer.compute_dtype == "float16" for layer in built._flatten_layers()):
            raise ValueError("`model` must compute in float32 or bfloat16. Received: a model that computes in float16")
        return built

    def compile_model(built: keras.Model) -> None:
        compile_for(built, recipe, steps, run_eagerly)

    initial = trainable_values(build(Phase(recipe.epochs))) if recipe.initial_share else []
    budget = budget or WallClockBudget(None)
    budget.epochs = recipe.epochs
    if not checkpoints(directory):
        check_phases(recipe, build_checked, train)
    keep_whole(directory, steps)
    keep_epochs(directory / "log.csv", epochs_done(directory))
    for scheduled in remaining_phases(recipe, directory):
        trained = enter_phase(scheduled, build_checked, compile_model, recipe, directory)
        size = scheduled.phase.image_size
        data = batches_of_phase(recipe, train, num_classes, teachers, size)
        averaged = [AveragedWeights(functools.partial(data, is_taught=False))] if recipe.ema is not None else []
        with (
            fast_cpu_steps(trained, *teachers),
            compiled_step(trained, recipe.epochs * steps, recipe.epochs * test_steps),
            compiled_answers(teachers, recipe.epochs * steps),
        ):
            is_done = fit_resumed(
                trained,
                data,
                directory,
                steps=steps,
                end=scheduled.end,
                budget=budget,
                seed=recipe.seed,
                phase=scheduled.number,
                callbacks=[*averaged, *callbacks],
                **on_held_out(held_out and scaled_down(held_out, size), num_classes),
            )
        if not is_done:
            return None
    # Puts the averaged weights in place of those that the last checkpoint has for training on.
    trained.optimizer.finalize_variable_values(trained.trainable_variables)
    if recipe.initial_share:
        average(trained, initial, recipe.initial_share)
    if recipe.ema is not None or recipe.initial_share:
        set_seeds(trained, directory, recipe.seed)
        measure_statistics(trained, statistics_batches(data(is_taught=False)))
    return trained


def check_answers_logits(model: keras.Model) -> None:
    """Checks that a model is a graph of layers that ends in logits, which the loss takes.

    Raises:
        ValueError: If it answers with probabilities, or computes by a `call` of its own.
    """
    if not is_functional(model):
        raise ValueError(f"`model` must be a functional or a built Sequential model. Received: model={model!r}")
    if activation := final_activation(model):
        raise ValueError(
            "`model` must answer with logits: build it with `classifier_activation=None`. "
            f"Received: a model that ends in a {activation}"
        )


def check_teacher(teacher: keras.Model, num_classes: int) -> None:
    """Checks that a teacher answers with probabilities of the classes.

    Raises:
        ValueError: If it does not.
    """
    if not is_functional(teacher):
        raise ValueError(f"`teachers` must be functional or built Sequential models. Received: {teacher!r}")
    shape, activation = tuple(teacher.outputs[0].shape), final_activation(teacher)
    if shape[1:] != (num_classes,) or activation != "softmax":
        raise ValueError(
            f"`teachers` must answer with probabilities of {num_classes} classes, by a softmax. Received: "
            f"{teacher.name!r}, with outputs of shape {shape} that end in {activation or 'no softmax'}"
        )


def training_images(recipe: Recipe, train: Split) -> Split:
    """Returns the images of a training set that a recipe trains on: `recipe.images` of them, or all.

    They are evenly spaced, since images from folders are in the order of their classes.
    """
    have = len(train.labels)
    number = min(recipe.images or have, have)
    chosen = np.arange(number) * have // number
    return train if number == have else Split(train.images[chosen], train.labels[chosen])


def batches_of_phase(
    recipe: Recipe, train: Split, num_classes: int, teachers: Sequence[keras.Model], image_size: int | None
) -> Callable[..., Iterator]:
    """Returns the function from the epochs done, and the steps done of the next, to the batches that follow.

    Teachers see whole images, so with teachers, every batch is made smaller. Without, all images are, once. With
    `is_taught=False`, the function returns the same images without the teachers' answers.

    Args:
        recipe: The recipe.
        train: Training images and labels.
        num_classes: Number of classes.
        teachers: Networks whose answers are a part of the targets.
        image_size: The phase's height and width of the images, or `None` for that of the training images.

    Raises:
        ValueError: Where the images are smaller than `image_size`.
    """
    check_size(train, image_size)
    given, scaled, smaller = train, recipe, image_size
    if not teachers:
        given, smaller = scaled_down(train, image_size), None
        scaled = scaled_padding(recipe, train.images.shape[1], image_size)

    drawn = Batches(given.images, given.labels, num_classes, scaled)

    def begin(*done: int, is_taught: bool = True) -> Iterator:
        return taught(drawn(*done), teachers if is_taught else (), recipe.distillation, smaller)

    return begin


def validation_steps(held_out: Split | None) -> int:
    """Returns the number of batches in a validation on held-out images; 0 without any."""
    return math.ceil(len(held_out.labels) / TEST_BATCH_SIZE) if held_out else 0


def on_held_out(held_out: Split | None, num_classes: int) -> dict[str, Any]:
    """Returns the arguments of `model.fit` that end every epoch with an evaluation, if there are images for it."""
    if held_out is None or not len(held_out.labels):
        return {}
    targets = keras.utils.to_categorical(held_out.labels, num_classes)
    return {"validation_data": (held_out.images, targets), "validation_batch_size": TEST_BATCH_SIZE}


def compile_for(model: keras.Model, recipe: Recipe, steps_per_epoch: int, run_eagerly: bool = False) -> None:
    """Compiles a model for training by a recipe, by XLA where it pays."""
    model.compile(
        recipe.optimizer(steps_per_epoch),
        recipe.loss(),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        run_eagerly=run_eagerly,
        jit_compile=is_xla_worth_it() and not run_eagerly,
    )


def is_xla_worth_it() -> bool:
    """Returns whether training compiles by XLA: on JAX, and on TensorFlow with a GPU."""
    backend = keras.backend.backend()
    return backend == "jax" or (backend == "tensorflow" and bool(keras.distribution.list_devices("gpu")))
