"""Finding a network by name: an entry, a repository, the folder of a run, a `.keras` or a weights file."""

import os
import pathlib

from .cards import card, list_models
from .files.reading import SUFFIXES
from .hub.config import CONFIG
from .hub.repository import is_repository
from .networks.by_card import entry_network, repository_network, weights_network
from .networks.keras_file import keras_network
from .networks.network import Network
from .networks.run_folder import RECIPE, RUN_CARD, RUN_MODEL, fine_tuned_network, run_network


def find_network(name: str | os.PathLike, weights: str | os.PathLike = "pretrained") -> Network:
    """Returns the network that a user names.

    Args:
        name: Name of an entry of the zoo; or a repository, as `load` takes it, such as `"hf://user/repo"`; or path of a
            run's folder, fine-tuned or trained by a recipe; or path of a `.keras` file, whose classes are numbers
            unless it is that of a run; or path of a weights file of `save_weights`, which names its entry and
            may have labels.
        weights: For an entry: `"pretrained"`, or the path of a weights file.

    Raises:
        ValueError: If there is no such entry, repository, folder or file, or it is damaged; or if anything but an entry
            is given together with weights.
        FileNotFoundError: If there is no such repository on the web.
        ConnectionError: If it cannot be downloaded.
    """
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
