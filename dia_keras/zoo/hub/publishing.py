"""Writing a repository: a folder with weights, card and page; and its way to Hugging Face's hub."""

import dataclasses
import json
import math
import os
import pathlib
import tempfile

import keras
import numpy as np

from ...files import staged
from ..cards import describe
from ..finding import find_network
from ..weights_file import save_weights
from . import huggingface
from .config import CONFIG, card_from, config_of, is_config
from .readme import readme_of

WEIGHTS, PAGE = "model.safetensors", "README.md"


def push(name: str | os.PathLike, repository: str, *, private: bool = False) -> str:
    """Publishes a network on Hugging Face's hub, for `load("hf://user/repo")`.

    The repository gets `model.safetensors`, the card as `config.json`, and a `README.md` made of it. Other files in it
    stay.

    Args:
        name: Name of an entry with weights, path of a run's folder, or whatever else `dia-keras predict` takes and
            whose architecture is known.
        repository: `"user/repo"`; made where there is none. The user is logged in by `hf auth login`.
        private: Whether a new repository is for its owner only.

    Returns:
        The address of the repository.

    Raises:
        ValueError: If there is no such network, or its architecture is not known.
        ImportError: If `huggingface_hub` is not installed.
        ConnectionError: If the upload fails.

    Example:

    >>> push("runs/xray", "user/xray")
    >>> model = load("hf://user/xray")
    """
    identifier = huggingface.repository_of(repository)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "repository")
        write_repository(name, path, f"{huggingface.PREFIX}{identifier}")
        return huggingface.upload(path, identifier, f"{WEIGHTS} and its card", private)


def write_repository(name: str | os.PathLike, folder: pathlib.Path, reference: str | None = None) -> None:
    """Writes the folder that `push` uploads, which `load` also takes as it is, or from any web server.

    Args:
        name: See `push`.
        folder: Folder to write; one that is there is replaced if it is empty or a repository.
        reference: How the page names it to `load`; the folder, wherever it will lie, by default.

    Raises:
        ValueError: If there is no such network, its architecture is not known, or the folder holds other files.
    """
    network = find_network(name)
    if network.card is None:
        raise ValueError(
            "`name` must be a network whose architecture is known: an entry, a run that began with one, or a "
            f"repository. Received: name={os.fspath(name)!r}"
        )
    if not _is_replaceable(folder):
        raise ValueError(f"`folder` must be new, empty or a repository. Received: folder={str(folder)!r}")
    model = network.load()
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    with staged(folder) as new:
        new.mkdir()
        # Nothing is rounded, so that the figures hold; entries have weights of float16.
        save_weights(model, new / WEIGHTS, "float16" if _is_float16(model) else "float32")
        card = dataclasses.replace(network.card, parameters=parameters, weights=describe(new / WEIGHTS))
        config = json.dumps(config_of(card), indent=2, ensure_ascii=False) + "\n"
        card_from(config.encode(), str(folder / CONFIG))  # what `load` would refuse is not written
        (new / CONFIG).write_text(config, encoding="utf-8")
        (new / PAGE).write_text(readme_of(card, reference or f"path/to/{folder.name}"), encoding="utf-8")


def _is_replaceable(folder: pathlib.Path) -> bool:
    """Returns whether nothing is at a path, or an empty folder, or a repository of ours without other files."""
    if not folder.is_dir():
        return not os.path.lexists(folder)
    names = {path.name for path in folder.iterdir()}
    return not names or (names <= {WEIGHTS, CONFIG, PAGE} and is_config(folder / CONFIG))


def _is_float16(model: keras.Model) -> bool:
    """Returns whether all weights are numbers of float16."""
    arrays = (keras.ops.convert_to_numpy(weight) for weight in model.weights)
    with np.errstate(over="ignore"):
        return all(np.array_equal(array, array.astype("float16")) for array in arrays)
