"""The card of a network that a user names: of an entry of the zoo, or in a repository."""

import os
import pathlib

from . import cards
from .cards import Card


def card(name: str | os.PathLike) -> Card:
    """Returns the metadata of an entry, or of the network in a repository.

    Args:
        name: Name of the entry, one of `list_models()`; or a repository, as `load` takes it: `"hf://user/repo"`, the
            address of a folder on the web, or the path of a folder.

    Returns:
        A `Card`.

    Raises:
        ValueError: If there is no such entry; the message has the names that come close. Or if the card in a repository
            has a value that it must not have.
        FileNotFoundError: If there is no such repository.
        ConnectionError: If it cannot be downloaded.

    Example:

    >>> card("dia_resnet20_cifar100").labels[:3]
    ('apple', 'aquarium_fish', 'baby')
    """
    if name in cards.list_models() or not _may_be_repository(name):
        return cards.card(str(name))
    from .hub.repository import is_repository, open_repository  # which need Keras

    return open_repository(name).card if is_repository(name) else cards.card(str(name))


def _may_be_repository(name: str | os.PathLike) -> bool:
    """Returns whether a name has what no entry's has: a colon, or a folder of its own."""
    return ":" in str(name) or pathlib.Path(name).expanduser().is_dir()
