"""Finding a trained detector by its path."""

import json
import os
import pathlib
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import keras

from ..training.runs.checkpoint_files import newest_whole
from ..zoo.networks.keras_file import load_keras
from ..zoo.weights_file import load_weights
from .models.detector import Detector
from .settings import DETECTORS


class FoundDetector(NamedTuple):
    """A trained detector.

    Attributes:
        labels: Names of the classes; `None` where they are not known.
        image_size: Height and width of the network's input in pixels.
        load: Function that returns the `keras.Model`.
    """

    labels: tuple[str, ...] | None
    image_size: tuple[int, int]
    load: Callable[[], keras.Model]


def is_detector(path: str | os.PathLike) -> bool:
    """Whether a path is the folder of a detector's run, or a `.keras` file of a detector. It may be damaged."""
    place = pathlib.Path(path).expanduser()
    try:
        if place.is_dir():
            return json.loads((place / "card.json").read_text())["kind"] == "detector"
        return place.suffix == ".keras" and _saved_config(place)["registered_name"] in _registered_names()
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return False


def find_detector(name: str | os.PathLike) -> FoundDetector:
    """Finds the detector of a run, or of a file.

    Args:
        name: Folder of a run of `train_detector`, whose final weights are taken, or, while it has none, those of its
            newest checkpoint that is whole; or a `.keras` file that a detector was saved to.

    Raises:
        ValueError: Where there is no detector, or the file is damaged.
    """
    place = pathlib.Path(name).expanduser()
    if place.is_dir():
        return _of_run(place)
    if place.suffix == ".keras" and place.is_file():
        return _of_file(place)
    raise ValueError(
        f"`name` must be the folder of a detector's run, or a .keras file. Received: name={str(name)!r}"
        + ("" if place.exists() else ", which does not exist")
    )


def _of_run(folder: pathlib.Path) -> FoundDetector:
    try:
        card = json.loads((folder / "card.json").read_text())
        detector, config = DETECTORS[card["model"]][0], card["config"]
        labels, size = tuple(card["labels"]), (int(card["image_size"][0]), int(card["image_size"][1]))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"`name` must be the folder of a detector's run, with its card.json. Received: name={str(folder)!r} "
            f"({type(error).__name__}: {error})"
        ) from error
    final = folder / "final.weights.h5"
    unfinished = None if final.is_file() else newest_whole(folder)
    if not final.is_file() and unfinished is None:
        raise ValueError(
            f"`name` must be a run with weights. Received: name={str(folder)!r}, without a checkpoint that is whole"
        )

    def load() -> Detector:
        made = detector.from_config(config)
        if unfinished is None:
            load_weights(made, final)
        else:
            made.load_weights(unfinished.path)
        return made

    return FoundDetector(labels, size, load)


def _of_file(path: pathlib.Path) -> FoundDetector:
    try:
        saved = _saved_config(path)
        if saved["registered_name"] not in _registered_names():
            raise ValueError(f"a model of the class {saved['class_name']}")
        height, width = saved["config"]["image_size"]
        labels = saved["config"].get("labels")  # files from before there were labels have none
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"`name` must be a saved detector. Received: name={str(path)!r} ({error})") from error
    return FoundDetector(
        None if labels is None else tuple(map(str, labels)),
        (int(height), int(width)),
        lambda: load_keras(path),
    )


def _saved_config(path: pathlib.Path) -> dict:
    """Returns what a `.keras` file says of its model."""
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("config.json"))


def _registered_names() -> set[str]:
    """Returns the names by which Keras knows our detectors: other packages have classes of the same name."""
    return {f"dia_keras>{detector.__name__}" for detector, _ in DETECTORS.values()}
