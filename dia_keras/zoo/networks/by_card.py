"""Networks of which a card says everything: entries, those in repositories, and those of weights files."""

import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable

import keras

from ..cards import TFDS, Card, Dataset, card, list_models
from ..channels import statistics_for
from ..files.reading import read_file, record_in
from ..files.record import Record
from ..hub.repository import open_repository
from ..loading import image_shape, load, with_new_head
from .network import Network


def entry_network(entry: Card, weights: str | os.PathLike = "pretrained") -> Network:
    """Returns the network of an entry; see `find_network`."""
    if weights == "pretrained":
        return _by_card(entry, _in_tfds(entry.dataset), functools.partial(load, entry.name))
    # Figures are those of the entry's own weights.
    known = dataclasses.replace(entry, weights=None, metrics=None)
    path = pathlib.Path(weights).expanduser()
    record = record_in(read_file(path)) if path.is_file() else None
    if record is None or record.classes != len(entry.labels):
        make = functools.partial(load, entry.name, weights=weights)
    else:
        known = dataclasses.replace(known, dataset=_data_of(entry.dataset, record))
        make = functools.partial(_load_weights, entry.name, path, record)
    network = _by_card(known, _in_tfds(known.dataset), make)
    return dataclasses.replace(network, sha256=lambda: _sha256_of(weights))


def repository_network(name: str | os.PathLike) -> Network:
    """Returns the network in a repository; see `find_network`."""
    repository = open_repository(name)
    known = repository.card
    is_ours = any(known.dataset == card(entry).dataset for entry in list_models(f"*_{known.dataset.name}")[:1])
    network = _by_card(known, _in_tfds(known.dataset) if is_ours else None, functools.partial(load, repository))
    return dataclasses.replace(network, name=os.fspath(name))


def weights_network(path: pathlib.Path) -> Network:
    """Returns the network of a weights file that names its entry; see `find_network`."""
    record = record_in(read_file(path))
    if record is None or record.network not in list_models():
        raise ValueError(
            "`name` must be a weights file that names its entry, as those of `save_weights` do; else name the entry, "
            f"with the file as `weights`. Received: {path}, "
            f"{f'of {record.network!r}' if record else 'which names none'}"
        )
    entry = card(record.network)
    known = dataclasses.replace(entry, weights=None, metrics=None, dataset=_data_of(entry.dataset, record))
    network = _by_card(known, _in_tfds(known.dataset), functools.partial(_load_weights, entry.name, path, record))
    if record.labels is None and known.labels != entry.labels:
        network = dataclasses.replace(network, labels=None)
    return dataclasses.replace(network, name=str(path), sha256=lambda: _sha256_of(path))


def _by_card(known: Card, data: str | None, load: Callable[..., keras.Model]) -> Network:
    return Network(
        name=known.name,
        labels=known.labels,
        image_size=known.dataset.image_size,
        channels=len(known.dataset.mean),
        resize=known.resize,
        data=data,
        load=load,
        card=known,
        sha256=lambda: known.weights.sha256 if known.weights else None,
    )


def _in_tfds(dataset: Dataset) -> str | None:
    return dataset.name if dataset.name in TFDS else None


def _sha256_of(weights: str | os.PathLike) -> str:
    return hashlib.sha256(read_file(pathlib.Path(weights).expanduser()).content).hexdigest()


def _data_of(dataset: Dataset, record: Record) -> Dataset:
    """Returns what a weights file says of the images and the labels of its network, else the entry's; or numbers."""
    classes = record.classes or len(dataset.labels)
    labels = dataset.labels if classes == len(dataset.labels) else tuple(map(str, range(classes)))
    labels = labels if record.labels is None else record.labels
    if labels != dataset.labels:
        name = "custom images"
        dataset = dataclasses.replace(dataset, name=name, title=name, labels=labels, source="", license="")
    dataset = dataclasses.replace(dataset, image_size=record.image_size or dataset.image_size)
    return statistics_for(dataset, record.channels or len(dataset.mean))


def _load_weights(
    entry: str,
    path: pathlib.Path,
    record: Record,
    num_classes: int | None = None,
    input_shape: tuple[int, ...] | None = None,
) -> keras.Model:
    """Returns the network in a weights file, with a new classifier for another number of classes."""
    shape = input_shape or image_shape(_data_of(card(entry).dataset, record))
    model = load(entry, path, record.classes, input_shape=shape)
    return model if num_classes in (None, record.classes) else with_new_head(model, num_classes, activation="softmax")
