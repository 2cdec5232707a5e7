"""One training of a row, from its settings to its measures."""

import csv
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras

from ..data import DataSet
from ..host import describe_run
from ..training import Recipe, fit
from ..training.fitting import training_images
from ..training.precision import built_in
from ..training.runs.budget import WallClockBudget
from ..training.runs.divergence import Diverged
from ..training.runs.run_folder import check_same_data, check_same_recipe, locked_folder, sha256_of
from ..zoo.architectures import BACKBONES
from .data_sets import is_itself, normalization
from .measures import measure, outputs, roc_curve
from .scale import Training


def build(training: Training, data_name: str, data: DataSet) -> keras.Model:
    """Builds the network of a training with its seed's initial values, from raw images to logits."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(training.recipe.seed)
    with built_in(training.recipe.precision):
        return BACKBONES[training.backbone](
            **training.arguments,
            input_shape=data.train.images.shape[1:],
            num_classes=len(data.class_names),
            classifier_activation=None,
            preprocessing=normalization(data_name),
        )


def data_record(name: str, data: DataSet, recipe: Recipe) -> dict[str, Any]:
    """Returns what a result says of its data: their SHA-256, and whether other classes stand in for the name's."""
    images = training_images(recipe, data.train)
    return {
        "name": name,
        "classes": len(data.class_names),
        "stands_in": not is_itself(name, data.class_names),
        "training_images": len(images.labels),
        "sha256": {"training": sha256_of(images), "test": sha256_of(data.test)},
    }


class Trained(NamedTuple):
    """The result of a training, and the network where it has weights to keep."""

    result: dict[str, Any]
    model: keras.Model | None


def train_row(
    training: Training,
    data_name: str,
    data: DataSet,
    directory: pathlib.Path,
    record: Mapping[str, Any],
    *,
    watch_test: bool = False,
    budget: WallClockBudget | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    run_eagerly: bool = False,
) -> Trained | None:
    """Trains a network, or goes on training it, and measures it on the test images after the last epoch.

    Args:
        training: The training.
        data_name: Name of the data set.
        data: The data set.
        directory: Folder of checkpoints and log.
        record: The `data_record` of the data.
        watch_test: Whether the log has the accuracy on the test images after every epoch. Nothing is chosen by it.
        budget: Stops the training early.
        callbacks: Further callbacks of `model.fit`.
        run_eagerly: Whether nothing is compiled: sooner for a few steps.

    Returns:
        The result and the network, or `None` where the budget ended the training. Of a network that explodes all
        measures are NaN.
    """
    model = build(training, data_name, data)
    images = training_images(training.recipe, data.train)
    result = {"training": training.record(), "parameters": parameters_of(model), "data": dict(record)}
    roc = None
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
        logits = outputs(trained, data.test)
        measures = measure(logits, data.test.labels, data.class_names)
        exploded = "The outputs are not finite." if math.isnan(measures["top1"]) else None
        if len(data.class_names) == 2 and not exploded:
            found_at = roc_curve(logits[:, 1] - logits[:, 0], data.test.labels == 1)
            roc = {"positive": data.class_names[1], "found": found_at} if found_at else None
    except Diverged as error:
        measures, exploded, trained = {"top1": math.nan}, str(error).partition(": the training stops")[0], None
    result |= {"measures": measures, "exploded": exploded, "roc": roc}
    result |= {"log": read_log(directory / "log.csv"), "run": describe_run()}
    return Trained(result, None if exploded else trained)


def parameters_of(model: keras.Model) -> int:
    """Returns the number of trainable parameters."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def read_log(path: pathlib.Path) -> list[dict[str, float]]:
    """Returns the rows of a `log.csv`, without what is not there."""
    if not path.exists():
        return []
    rows = csv.DictReader(path.read_text().splitlines())
    return [{key: float(value) for key, value in row.items() if value != "NA"} for row in rows]
