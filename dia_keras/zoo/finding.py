"""Finding a network by name: an entry, a repository, the folder of a run, a `.keras` or a weights file."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from .cards import card, list_models
from .files.reading import SUFFIXES
from .hub.config import CONFIG
from .hub.repository import is_repository
from .networks.by_card import entry_network, repository_network, weights_network
from .networks.keras_file import keras_network
from .networks.network import Network
from .networks.run_folder import RECIPE, RUN_CARD, RUN_MODEL, fine_tuned_network, run_network


def find_network(
    name: str | os.PathLike, weights: str | os.PathLike = "pretrained", labels: Sequence[str] | None = None
) -> Network:
    """Returns the network that a user names.

    Args:
        name: Name of an entry of the zoo; or a repository, as `load` takes it, such as `"hf://user/repo"`; or path of a
            run's folder, fine-tuned or trained by a recipe; or path of a `.keras` file, whose classes are numbers
            unless it is that of a run; or path of a weights file of `save_weights`, which names its entry and
            may have labels.
        weights: For an entry: `"pretrained"`, or the path of a weights file.
        labels: For a `.keras` or a weights file without class names: these, in the order of the outputs.

    Raises:
        ValueError: If there is no such entry, repository, folder or file, or it is damaged; if anything but an entry
            is given together with weights; or if labels do not fit, or the network has names.
        FileNotFoundError: If there is no such repository on the web.
        ConnectionError: If it cannot be downloaded.
    """
    network = _by_name(name, weights)
    return network if labels is None else named(network, labels)


def named(network: Network, labels: Sequence[str]) -> Network:
    """Returns a network without class names with these.

    Raises:
        ValueError: If it has names, or the labels are not as many as its classes, each another.
    """
    if network.labels is not None:
        raise ValueError(
            f"`labels` are for a network without class names. Received: {network.name}, whose classes are "
            f"{', '.join(network.labels[:3])}, ..."
        )
    classes = network.load().output_shape[-1]
    if len(labels) != classes or len(set(labels)) != classes:
        raise ValueError(
            f"`labels` must be {classes} different names, one for each output of {network.name}. "
            f"Received: {len(labels)} labels, {len(set(labels))} of them different"
        )
    return dataclasses.replace(network, labels=tuple(labels))


def _by_name(name: str | os.PathLike, weights: str | os.PathLike) -> Network:
    path = pathlib.Path(name).expanduser()
    if str(name) in list_models() and any((path / file).is_file() for file in (RUN_CARD, RECIPE, CONFIG)):
        raise ValueError(
            "`name` must be one network: there is an entry of this name, and a folder with a network. Write ./ before "
            f"the name for the folder, or go elsewhere for the entry. Received: {str(name)!r}"
        )
    is_file = path.name.endswith((".keras", *SUFFIXES))
    if str(name) in list_models() or not (path.is_dir() or is_file or len(path.parts) > 1):
        return entry_network(card(str(name)), weights)
    if weights != "pretrained":
        raise ValueError(
            f"`weights` are for an entry of the zoo: {name} has its own. Received: weights={str(weights)!r}"
        )
    if is_repository(name):
        return repository_network(name)
    if path.is_dir():
        return run_network(path)
    rule = "`name` must be an entry of the zoo, a run's folder or a .keras file."
    if not path.is_file():
        raise ValueError(f"{rule} Received: {path}, which {'is not a file' if path.exists() else 'does not exist'}")
    if path.name.endswith(SUFFIXES):
        return weights_network(path)
    if path.suffix != ".keras":
        raise ValueError(f"{rule} Received: {path}")
    if path.name == RUN_MODEL and (path.parent / RUN_CARD).is_file():
        return fine_tuned_network(path.parent)
    return keras_network(path)
