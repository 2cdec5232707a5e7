"""One training of a row, from its settings to its measures."""

import csv
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from .. import zoo
from ..data import DataSet, Split
from ..training import Recipe, fit
from ..training.runs.budget import WallClockBudget
from ..training.runs.divergence import Diverged
from ..training.runs.host import describe_run
from ..training.runs.run_folder import check_same_data, check_same_recipe, locked_folder
from ..zoo.architectures import BACKBONES
from .data_sets import normalization
from .measures import measure, outputs
from .scale import Training


def build(training: Training, data_name: str, data: DataSet) -> keras.Model:
    """Builds the network of a training with its seed's initial values, from raw images to logits."""
    recipe, policy = training.recipe, keras.config.dtype_policy()
    keras.utils.clear_session()
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(recipe.precision)
    try:
        return BACKBONES[training.backbone](
            **training.arguments,
            input_shape=data.train.images.shape[1:],
            num_classes=len(data.class_names),
            classifier_activation=None,
            preprocessing=normalization(data_name),
        )
    finally:
        keras.config.set_dtype_policy(policy)


def training_images(recipe: Recipe, data: DataSet) -> Split:
    """Returns the images that a recipe trains on."""
    number = recipe.images or len(data.train.labels)
    return Split(data.train.images[:number], data.train.labels[:number])


def train_row(
    training: Training,
    data_name: str,
    data: DataSet,
    directory: pathlib.Path,
    *,
    watch_test: bool = False,
    budget: WallClockBudget | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    weights: pathlib.Path | None = None,
    run_eagerly: bool = False,
) -> dict[str, Any] | None:
    """Trains a network, or goes on training it, and measures it on the test images after the last epoch.

    Args:
        training: The training.
        data_name: Name of the data set.
        data: The data set.
        directory: Folder of checkpoints and log.
        watch_test: Whether the log has the accuracy on the test images after every epoch. Nothing is chosen by it.
        budget: Stops the training early.
        callbacks: Further callbacks of `model.fit`.
        weights: File to save the trained weights to.
        run_eagerly: Whether nothing is compiled: sooner for a few steps.

    Returns:
        The result, or `None` where the budget ended the training. Of a network that explodes all measures are NaN.
    """
    model = build(training, data_name, data)
    images = training_images(training.recipe, data)
    result = {
        "training": training.record(),
        "parameters": sum(math.prod(weight.shape) for weight in model.trainable_weights),
        "data": {"name": data_name, "classes": len(data.class_names), "training_images": len(images.labels)},
    }
    try:
        with locked_folder(directory):
            check_same_recipe(training.recipe, directory / "recipe.json")
            check_same_data(images, directory / "data.json")
            trained = fit(
                model,
                training.recipe,
                images,
                directory,
                num_classes=len(data.class_names),
                held_out=data.test if watch_test else data.held_out,
                budget=budget,
                callbacks=callbacks,
                run_eagerly=run_eagerly,
            )
        if trained is None:
            return None
        found = measure(outputs(trained, data.test), data.test.labels, data.class_names)
        exploded = "The outputs are not finite." if math.isnan(found["top1"]) else None
        if weights is not None:
            zoo.save_weights(trained, weights)
    except Diverged as error:
        found, exploded = {"top1": math.nan}, str(error).partition(": the training stops")[0]
    return {
        **result,
        "measures": found,
        "exploded": exploded,
        "log": read_log(directory / "log.csv"),
        "run": describe_run(),
    }


def read_log(path: pathlib.Path) -> list[dict[str, float]]:
    """Returns the rows of a `log.csv`, without what is not there."""
    if not path.exists():
        return []
    rows = csv.DictReader(path.read_text().splitlines())
    return [{key: float(value) for key, value in row.items() if value != "NA"} for row in rows]
