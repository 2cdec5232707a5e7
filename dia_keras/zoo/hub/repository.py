"""Reading a repository: its card, and its weights, verified. No other file of it is looked at."""

import functools
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

from ..cards import Card, Weights
from ..downloads import download_verified, download_whole, read_verified
from ..files.reading import WeightsFile
from . import huggingface
from .config import CONFIG, LARGEST_CONFIG, card_from

WEB = ("http://", "https://")


class Repository(NamedTuple):
    """A repository: the card of its network, and a function that returns its weights file, read once and verified."""

    card: Card
    read_weights: Callable[[], WeightsFile]


def is_repository(name: object) -> bool:
    """Returns whether a user names a repository: by `hf://`, by an address on the web, or by a folder with a config."""
    if isinstance(name, str) and name.startswith((huggingface.PREFIX, *WEB)):
        return True
    return isinstance(name, str | os.PathLike) and (pathlib.Path(name).expanduser() / CONFIG).is_file()


def open_repository(name: str | os.PathLike) -> Repository:
    """Returns what a repository holds, of which the card is read now.

    Args:
        name: `hf://user/repo` or `hf://user/repo@revision`; the address of a folder on the web; or a folder's path.

    Raises:
        ValueError: If the address has another form, or the card a value that it must not have.
        FileNotFoundError: If there is no such repository or file.
        ConnectionError: If it cannot be downloaded.
        ImportError: If it is on Hugging Face's hub and `huggingface_hub` is not installed.
    """
    text = os.fspath(name)
    if text.startswith(huggingface.PREFIX):
        config, read = _on_the_hub(text)
    elif text.startswith(WEB):
        config, read = _on_the_web(text.rstrip("/"))
    else:
        config, read = _in_a_folder(pathlib.Path(text).expanduser())
    card = card_from(config, f"{text.rstrip('/')}/{CONFIG}")
    assert card.weights is not None
    return Repository(card, functools.partial(read, card.weights))


def _on_the_hub(address: str):
    repository, revision = huggingface.parse(address)
    config = huggingface.download(repository, CONFIG, revision)
    commit = config.parent.name  # so that card and weights are of the same commit

    def read(weights: Weights) -> WeightsFile:
        return read_verified(huggingface.download(repository, weights.file, commit), weights)

    return _first_bytes(config), read


def _on_the_web(address: str):
    def read(weights: Weights) -> WeightsFile:
        # By their hash: repositories have files of the same names.
        kept_as = f"repositories/{weights.sha256}-{weights.file}"
        return download_verified(f"{address}/{weights.file}", kept_as, weights)

    return download_whole(f"{address}/{CONFIG}", LARGEST_CONFIG), read


def _in_a_folder(folder: pathlib.Path):
    def read(weights: Weights) -> WeightsFile:
        path = folder / weights.file
        if not path.is_file():
            raise FileNotFoundError(f"The repository has no file {weights.file}. Received: {folder}")
        return read_verified(path, weights)

    return _first_bytes(folder / CONFIG), read


def _first_bytes(path: pathlib.Path) -> bytes:
    """Returns the content of a config, or as much of it as shows that it is too long."""
    with path.open("rb") as file:
        return file.read(LARGEST_CONFIG + 1)
