"""Figures of the paper that show networks: trained ones, or networks with initial values (Figures 6, 7 and 9)."""

import math
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ...analysis import (
    class_activation,
    integration_by_stage,
    plot_grad_cam,
    plot_gradients,
    plot_importances,
    stage_gradients,
)
from ...data import DataSet, Split
from ...files import staged, write_json
from ...host import describe_run
from ...zoo.networks.keras_file import load_keras
from ..data_sets import Sources
from ..run_directory import Job, RunDirectory, SameData
from ..scale import Scale
from ..table import Table
from ..trainings.classifier import ClassifierTraining
from .picture import entitle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Models = Mapping[str, keras.Model]
#: What is drawn, in numbers: a dictionary for each value.
Values = list[dict[str, Any]]
#: Test images of each class for Grad-CAM, and the number of classes; images for random forests and for gradients.
OF_CLASS, CLASSES, FOREST_IMAGES, GRADIENT_IMAGES = 3, 2, 300, 64
#: Trees of a random forest.
TREES = 30


def write_drawing(
    table: Table, directory: str | os.PathLike, scale: Scale | None = None, sources: Sources | None = None
) -> pathlib.Path:
    """Draws a figure of the networks of a table, of seed 0: writes `<table>.png`, and what it shows to `<table>.json`.

    Args:
        table: A table with a drawing.
        directory: The run's folder, with the trained networks; made if missing for networks with initial values.
        scale: The scale; by default the paper's.
        sources: Where the data are; by default in TFDS' folder.

    Returns:
        The path of the picture.

    Raises:
        ValueError: Where the table has no drawing, the folder is of another table or scale, or has no network, or the
            data are not those that its networks were trained on.
        FileNotFoundError: Where data are missing; the message says how to get them.
    """
    if table.drawing is None:
        raise ValueError(f"`table` must be one with a drawing. Received: {table.name!r}")
    scale = scale or Scale()
    scale.check(table)
    training = ClassifierTraining.of(table.rows[0], 0, scale)
    data = training.load(sources or Sources(), scale)
    folder = pathlib.Path(directory)
    if table.is_trained:
        same_data = SameData()
        same_data.check(training.data_record(data), "the data given")
        models = _trained(table, RunDirectory(folder), scale, same_data)
    else:
        models = _initial(table, scale, data)
    figure, values = DRAWINGS[table.drawing](models, data, scale)
    entitle(figure, f"{table.label}: {table.title}", scale)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{table.name}.json", {"scale": scale.record(), "values": values, "run": describe_run()})
    path = folder / f"{table.name}.png"
    with staged(path) as new:
        figure.savefig(new, dpi=110, format="png")
    return path


def _trained(table: Table, run: RunDirectory, scale: Scale, same_data: SameData) -> dict[str, keras.Model]:
    """Returns the networks of seed 0 that a run kept with their results, by the names of their rows."""
    run.check(table, scale)
    kept = {}
    for job in (Job(row, 0) for row in table.rows):
        result = run.read(job, scale)
        if result is not None and run.network_file(job).is_file():
            same_data.check(result["data"], str(run.result_file(job)))
            kept[job.row.name] = load_keras(run.network_file(job))
    if not kept:
        raise ValueError(
            f"`directory` must hold trained networks of {table.label}. Received: {run.path}: all exploded, or none "
            "was trained"
        )
    return kept


def _initial(table: Table, scale: Scale, data: DataSet) -> dict[str, keras.Model]:
    """Returns the networks as they are before the first step of the training of seed 0."""
    return {row.name: ClassifierTraining.of(row, 0, scale).build(data) for row in table.rows}


def draw_grad_cam(models: Models, data: DataSet, scale: Scale) -> "tuple[Figure, Values]":
    """Draws where networks find their answers to the first test images of each class (section 5.3)."""
    labels = data.test.labels
    chosen = np.concatenate([np.flatnonzero(labels == number)[:OF_CLASS] for number in range(CLASSES)])
    images, names = data.test.images[chosen], data.class_names
    figure = plot_grad_cam(models, images, labels=names, titles=[names[number] for number in labels[chosen]])
    values = [
        {"row": row, "image": int(image), "class": names[labels[image]], "answer": names[answer], "probability": share}
        for row, model in models.items()
        for image, answer, share in zip(chosen, *_answers(model, images), strict=True)
    ]
    return figure, values


def _answers(model: keras.Model, images: np.ndarray) -> tuple[list[int], list[float]]:
    activation = class_activation(model, images)
    return activation.classes.tolist(), activation.probabilities.tolist()


def draw_integration(models: Models, data: DataSet, scale: Scale) -> "tuple[Figure, Values]":
    """Draws how much the attention of each block depends on that of the blocks before (Algorithm 1)."""
    images = _some(data.test, 8 if scale.is_smoke else FOREST_IMAGES).images
    importances = {
        row: integration_by_stage(model, images, 2 if scale.is_smoke else TREES) for row, model in models.items()
    }
    values = [
        {"row": row, "stage": stage, **_spread(importance), "importance": importance.round(4).tolist()}
        for row, by_stage in importances.items()
        for stage, importance in by_stage.items()
    ]
    return plot_importances(importances, ""), values


def _spread(importance: np.ndarray) -> dict[str, float | None]:
    """Returns how the importances of earlier blocks are spread, in the mean over the blocks that have two or more.

    `previous` is the importance of the block before, and `blocks` the number of blocks that count: the exponential of
    the entropy of their importances. Both are `None` in stages of two blocks.
    """
    rows = [row[: last + 1] for last, row in enumerate(importance) if last and row.any()]
    if not rows:
        return {"previous": None, "blocks": None}
    entropies = [-sum(share * math.log(share) for share in row if share > 0) for row in rows]
    return {
        "previous": round(float(np.mean([row[-1] for row in rows])), 4),
        "blocks": round(float(np.mean(np.exp(entropies))), 4),
    }


def draw_gradients(models: Models, data: DataSet, scale: Scale) -> "tuple[Figure, Values]":
    """Draws the distribution of the gradient at the outputs of the stages (section 7.1.2)."""
    images, labels = _some(data.test, 8 if scale.is_smoke else GRADIENT_IMAGES)
    values = [
        {"row": row, "stage": stage, "mean": float(gradient.mean()), "variance": float(gradient.var())}
        for row, model in models.items()
        for stage, gradient in stage_gradients(model, images, labels).items()
    ]
    return plot_gradients(models, images, labels), values


def _some(split: Split, number: int) -> Split:
    """Returns images that are evenly spaced, since those of folders are in the order of their classes."""
    number = min(number, len(split.labels))
    chosen = np.arange(number) * len(split.labels) // number
    return Split(split.images[chosen], split.labels[chosen])


#: What a table's field `drawing` may be.
DRAWINGS: dict[str, Callable[[Models, DataSet, Scale], "tuple[Figure, Values]"]] = {
    "grad-cam": draw_grad_cam,
    "integration": draw_integration,
    "gradients": draw_gradients,
}
