"""From what a user names to a network: an entry, the folder of a run, or a `.keras` file."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any, get_args

import keras

from .. import zoo
from ..backbones.layers import channel_axis
from ..data.picture import Resize
from ..messages import first_sentence
from .cards import describe, list_models

#: The files of a fine-tuned network: what it is, and the network.
RUN_CARD, RUN_MODEL = "card.json", "model.keras"
#: The files of a training by a recipe that tell its entry and hold its weights.
_RECIPE, _WEIGHTS = "recipe.json", "final.weights.h5"


@dataclasses.dataclass(frozen=True)
class Network:
    """A network with what it takes and what it answers. It takes pixel values, 0 to 255.

    Attributes:
        name: Name, for people.
        labels: Class names, in the order of the outputs; `None` where nothing tells them.
        image_size: Height and width of its images.
        channels: Number of channels of its images.
        resize: How images of other sizes become the network's: `resize` of `dia_keras.data.load`.
        data: Name of its data set in TFDS, `None` where it has none.
        load: Returns the network.
    """

    name: str
    labels: tuple[str, ...] | None
    image_size: tuple[int, int]
    channels: int
    resize: Resize
    data: str | None
    load: Callable[[], keras.Model]


def find_network(name: str | os.PathLike, weights: str | os.PathLike = "pretrained") -> Network:
    """Returns the network that a user names.

    Args:
        name: Name of an entry of the zoo; or path of a run's folder, fine-tuned or trained by a recipe; or path of a
            `.keras` file, whose classes are numbers unless it is that of a run.
        weights: For an entry: `"pretrained"`, or the path of a weights file.

    Raises:
        ValueError: If there is no such entry, folder or file, or it is damaged; or if a run or a `.keras` file is given
            together with weights.
    """
    path = pathlib.Path(name).expanduser()
    if str(name) in list_models() and any((path / file).is_file() for file in (RUN_CARD, _RECIPE)):
        raise ValueError(
            "`name` must be one network: there is an entry of this name, and a run's folder. Write ./ before the name "
            f"for the folder, or go elsewhere for the entry. Received: {str(name)!r}"
        )
    if str(name) in list_models() or not (path.is_dir() or path.suffix == ".keras" or len(path.parts) > 1):
        return entry_network(zoo.card(str(name)), weights)
    if weights != "pretrained":
        raise ValueError(
            f"`weights` are for an entry of the zoo: {name} has its own. Received: weights={str(weights)!r}"
        )
    if path.is_dir():
        return _in_folder(path)
    rule = "`name` must be an entry of the zoo, a run's folder or a .keras file."
    if not path.is_file():
        raise ValueError(f"{rule} Received: {path}, which does not exist")
    if path.suffix != ".keras":
        raise ValueError(f"{rule} Received: {path}")
    if path.name == RUN_MODEL and (path.parent / RUN_CARD).is_file():
        return _fine_tuned(path.parent)
    return _from_file(path)


def entry_network(card: "zoo.Card", weights: str | os.PathLike = "pretrained") -> Network:
    """Returns the network of an entry; see `find_network`."""
    return Network(
        name=card.name,
        labels=card.labels,
        image_size=card.dataset.image_size,
        channels=3,
        resize=card.resize,
        data=card.dataset.name,
        load=lambda: zoo.load(card.name, weights=weights),
    )


def _in_folder(folder: pathlib.Path) -> Network:
    if (folder / RUN_CARD).is_file():
        return _fine_tuned(folder)
    if (folder / _RECIPE).is_file() and (folder / _WEIGHTS).is_file():
        entry = str(_read(folder / _RECIPE).get("entry"))
        return dataclasses.replace(entry_network(zoo.card(entry), folder / _WEIGHTS), name=str(folder))
    raise ValueError(
        f"`name` must be the folder of a complete run, with {RUN_CARD} and {RUN_MODEL}, or {_RECIPE} and {_WEIGHTS}. "
        f"Received: {folder}"
    )


def _fine_tuned(folder: pathlib.Path) -> Network:
    card, model = folder / RUN_CARD, folder / RUN_MODEL
    fields = _read(card)
    try:
        labels = tuple(map(str, fields["labels"]))
        height, width = map(int, fields["image_size"])
        channels, resize, sha256 = int(fields["channels"]), fields["resize"], str(fields["sha256"])
        if not labels or resize not in get_args(Resize) or min(height, width, channels) < 1:
            raise ValueError("a value is out of range")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"The card must tell labels, image_size, channels, resize and sha256. Received: {card} "
            f"({type(error).__name__}: {error})"
        ) from error
    if not model.is_file():
        raise ValueError(f"A run's folder must hold its network, {RUN_MODEL}. Received: {folder}, without")
    if describe(model).sha256 != sha256:
        raise ValueError(
            f"A network must have the SHA-256 that its card tells: it is damaged, or another. Received: {model}"
        )
    return Network(
        name=str(folder),
        labels=labels,
        image_size=(height, width),
        channels=channels,
        resize=resize,
        data=None,
        load=lambda: _load(model),
    )


def _from_file(path: pathlib.Path) -> Network:
    model = _load(path)
    images = [tuple(each.shape) for each in model.inputs or []]
    answers = [tuple(each.shape) for each in model.outputs or []]
    if (
        len(images) != 1
        or len(images[0]) != 4
        or None in images[0][1:]
        or len(answers) != 1
        or len(answers[0]) != 2
        or answers[0][1] == 1
    ):
        raise ValueError(
            "The network of a .keras file must take images of one size, (batch, height, width, channels), and answer "
            f"with two classes or more, (batch, classes). Received: {path}, from {images} to {answers}"
        )
    last = channel_axis() == -1
    height, width, channels = images[0][1:] if last else (*images[0][2:], images[0][1])
    return Network(str(path), None, (height, width), channels, "crop", None, lambda: model)


def _load(path: pathlib.Path) -> keras.Model:
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # damaged archives end in errors of many kinds
        raise ValueError(f"A .keras file must be sound. Received: {path} ({first_sentence(error)})") from error
    if not isinstance(model, keras.Model):
        raise ValueError(f"A .keras file must hold a model. Received: {path}, with a {type(model).__name__}")
    return model


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} must be JSON. Received: {path} ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{path.name} must be a JSON object. Received: {path}")
    return fields
