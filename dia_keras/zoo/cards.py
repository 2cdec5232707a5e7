"""Cards, the metadata of the entries: rows of `entries.toml`, and a file in `cards/` for each entry with weights."""

import dataclasses
import fnmatch
import functools
import json
import os
import pathlib
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Literal

from ..files import digest_of, write_json
from ..messages import did_you_mean
from . import entries

CARDS = pathlib.Path(__file__).with_name("cards")
DATASETS = pathlib.Path(__file__).with_name("datasets.toml")
#: The data sets that TFDS has under the same name, with the same names of classes.
TFDS = ("cifar10", "cifar100", "svhn_cropped")


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set, as its networks see it.

    Attributes:
        name: Name; for those in `TFDS`, also that for `dia_keras.data.load`.
        title: Name for people.
        labels: Class names, in the order of the class numbers.
        mean, std: Mean and standard deviation of red, green and blue, for pixels from 0 to 1.
        image_size: Height and width.
        source: Where the data come from.
        license: Terms of the data.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    image_size: tuple[int, int]
    source: str
    license: str


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A function of `dia_keras.backbones` by its name, and its keyword arguments."""

    backbone: str
    arguments: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Weights:
    """A weights file: its name, size in bytes, SHA-256, and the URL of the folder that it is in, if any."""

    file: str
    size: int
    sha256: str
    url: str | None = None


@dataclasses.dataclass(frozen=True)
class Metrics:
    """What the weights reach on the whole test set, and how they came about.

    Attributes:
        top1, top5: Accuracies in percent; `top5` is `None` where it was not measured.
        epochs: Number of epochs of the training.
        seed: Seed of the training.
        hardware: What it was trained on.
        command: Command that trained it.
        log: Path of the training's log in the repository.
        details: Whatever else was recorded.
    """

    top1: float
    top5: float | None
    epochs: int
    seed: int
    hardware: str
    command: str
    log: str
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Card:
    """The metadata of an entry.

    Attributes:
        name: Name of the entry.
        architecture: Backbone and arguments.
        parameters: Number of trainable parameters.
        dataset: The data set it is for, which decides preprocessing and labels.
        recipe: Name of the recipe that trains it, a file in `zoo/recipes`.
        license: License of the weights.
        paper: Title and address of the paper.
        weights: The weights file, or `None` before the training.
        metrics: What the weights reach, or `None` before the training.
        resize: How images of other sizes become the network's: `resize` of `dia_keras.data.load`.
    """

    name: str
    architecture: Architecture
    parameters: int
    dataset: Dataset
    recipe: str
    license: str
    paper: str
    weights: Weights | None = None
    metrics: Metrics | None = None
    resize: Literal["crop", "stretch", "pad", "center"] = "crop"

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the outputs."""
        return self.dataset.labels

    @property
    def training_command(self) -> str:
        """The command that trained the entry, or by its recipe would, in a checkout of the repository."""
        if self.metrics is not None:
            return self.metrics.command
        return f"python zoo/train.py zoo/recipes/{self.recipe}.py --entry {self.name}"


def list_models(pattern: str = "*", pretrained: bool = False) -> list[str]:
    """Returns the names of the zoo's entries, in natural order.

    Args:
        pattern: Shell-style pattern, e.g. `"dia_*_cifar100"`.
        pretrained: Whether to list only entries that have trained weights.

    Example:

    >>> list_models("dia_*_cifar100", pretrained=True)
    """
    names = fnmatch.filter({*entries.names(), *(path.stem for path in CARDS.glob("*.json"))}, pattern)
    if pretrained:
        names = [name for name in names if card(name).weights]
    return sorted(names, key=lambda name: [int(s) if s.isdigit() else s for s in re.split(r"(\d+)", name)])


def card(name: str) -> Card:
    """Returns the metadata of an entry.

    Args:
        name: Name of the entry, one of `list_models()`.

    Returns:
        A `Card`.

    Raises:
        ValueError: If there is no such entry; the message has the names that come close.

    Example:

    >>> card("dia_resnet20_cifar100").labels[:3]
    ('apple', 'aquarium_fish', 'baby')
    """
    return parse(name, _fields(name))


def parse(name: str, fields: Mapping[str, Any]) -> Card:
    """Returns the card of an entry from its row of the table, or from what its file holds."""
    weights, metrics = fields.get("weights"), fields.get("metrics")
    return Card(
        **{
            **fields,
            "name": name,
            "architecture": Architecture(**fields["architecture"]),
            "dataset": dataset(fields["dataset"]),
            "weights": Weights(**weights) if weights else None,
            "metrics": _parse_metrics(metrics) if metrics else None,
        }
    )


def _parse_metrics(fields: Mapping[str, Any]) -> Metrics:
    known = {field.name for field in dataclasses.fields(Metrics)} - {"details"}
    return Metrics(
        **{key: value for key, value in fields.items() if key in known},
        details={key: value for key, value in fields.items() if key not in known},
    )


@functools.cache
def dataset(name: str) -> Dataset:
    """Returns a data set that entries are for."""
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in _datasets()[name].items()
    }
    return Dataset(name=name, **fields)


def is_dataset(name: str) -> bool:
    """Returns whether a data set is one that entries are for."""
    return name in _datasets()


@functools.cache
def _datasets() -> dict[str, dict[str, Any]]:
    return tomllib.loads(DATASETS.read_text(encoding="utf-8"))


def update_card(
    name: str,
    *,
    weights: str | os.PathLike | None = None,
    metrics: Mapping[str, Any] | None = None,
    recipe: str | None = None,
) -> Card:
    """Writes into an entry's file which weights it has, what they reach, or both; the first time, the file is new.

    Args:
        name: Name of the entry.
        weights: Weights file, made by `save_weights`; its name, size and SHA-256 go on the card.
        metrics: Fields of `Metrics`; others are kept as details.
        recipe: Name of the recipe in `zoo/recipes` that trained the weights.

    Returns:
        The new card.

    Raises:
        ValueError: If there is no such entry.
        TypeError: If a field of the metrics is missing.
    """
    fields = _fields(name)
    if weights is not None:
        fields["weights"] = dataclasses.asdict(describe(pathlib.Path(weights)))
        fields["weights"].pop("url")
    if metrics is not None:
        fields["metrics"] = dict(metrics)
    if recipe is not None:
        fields["recipe"] = recipe
    new = parse(name, fields)
    write_json(CARDS / f"{name}.json", fields)
    return new


def describe(path: pathlib.Path) -> Weights:
    """Returns name, size and SHA-256 of a file."""
    return Weights(path.name, path.stat().st_size, digest_of(path))


def check_name(name: str, argument: str = "name") -> None:
    """Raises a `ValueError` where there is no such entry; it has the names that come close.

    Args:
        name: Name of an entry.
        argument: The argument that it is, for the message.
    """
    if name not in list_models():
        hint = did_you_mean(name, list_models())
        raise ValueError(
            f"`{argument}` must be one of `dia_keras.zoo.list_models()`.{hint} Received: {argument}={name!r}"
        )


def _fields(name: str) -> dict[str, Any]:
    """Returns what the entry's file holds, or its row of the table where it has no file."""
    check_name(name)
    path = CARDS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else entries.row(name)
