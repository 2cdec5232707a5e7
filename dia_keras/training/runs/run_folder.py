"""A run's folder: for one trainer at a time, with records of the recipe and the data that the run began with."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ... import zoo
from ...data import Split
from ...files import write_json
from ...zoo.files.reading import SUFFIXES
from ..recipe import Recipe
from .checkpoint_files import RECORD, checkpoints

try:
    import fcntl
except ImportError:  # on Windows, where no lock of a folder ends with its process
    fcntl = None  # type: ignore[assignment]

#: What a start writes before the first checkpoint.
OF_A_START = (
    *("recipe.json", "fine_tuning.json", "card.json", "data.json", "teachers.json", "initial_weights.json"),
    *("run.json", "log.csv", "partial.weights.h5", RECORD, f"{RECORD}.new", "best_epoch_1.npz"),
)

#: What the end of a run writes.
OF_AN_END = ("final.weights.h5", "metrics.json", "curves.png", "precision_recall.png")


@contextlib.contextmanager
def locked_folder(directory: pathlib.Path) -> Iterator[None]:
    """Makes and locks a run's folder. An error before the first checkpoint leaves it as it was.

    Raises:
        ValueError: Where another process trains in the folder.
    """
    new_folders = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        new = [directory / name for name in OF_A_START if not (directory / name).exists()]
        try:
            yield
        except Exception:
            if not checkpoints(directory):
                for path in new:
                    path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # where a folder is not empty
                    for folder in new_folders:
                        folder.rmdir()
            raise


@contextlib.contextmanager
def _locked(directory: pathlib.Path) -> Iterator[None]:
    """Holds a lock on a folder, which the system takes back when the process ends, however it ends."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"`directory` must not be in use: another process trains there. Received: directory={str(directory)!r}"
            ) from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(descriptor)


def recorded_recipe(record: pathlib.Path) -> Recipe:
    """Returns the recipe that a run began with.

    Raises:
        ValueError: Where the file holds no recipe.
    """
    try:
        return Recipe.from_json(read_record(record))
    except TypeError as error:
        raise ValueError(f"`directory` must hold the record of a recipe. Received: {record} ({error})") from error


def check_same_recipe(recipe: Recipe, record: pathlib.Path) -> None:
    """Writes the recipe into the run's folder, or checks that it is the one there."""
    mine = dataclasses.asdict(recipe)
    _check_same(mine, record, lambda: dataclasses.asdict(recorded_recipe(record)), "recipe")


def check_same_settings(
    settings: dict[str, Any], record: pathlib.Path, defaults: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Writes settings into the run's folder, or checks that they are those there.

    Args:
        settings: The settings.
        record: File in the folder.
        defaults: Values of settings that the record of an older run does not have.
    """
    mine = json.loads(json.dumps(settings))
    _check_same(mine, record, lambda: {**defaults, **read_record(record)}, "settings")


def _check_same(mine: dict[str, Any], record: pathlib.Path, read: Callable[[], dict[str, Any]], what: str) -> None:
    if not record.exists():
        if others := [name for name in (*OF_A_START, *OF_AN_END) if (record.parent / name).exists()]:
            raise ValueError(
                f"`directory` must be new or hold a run. Received: directory={str(record.parent)!r}, which holds "
                f"{', '.join(others)}, but no {record.name}"
            )
        record.parent.mkdir(parents=True, exist_ok=True)
        write_json(record, mine)
        return
    theirs = read()
    different = sorted(key for key in mine if mine[key] != theirs.get(key))
    if different:
        raise ValueError(
            f"`directory` must be new or hold a run of the same {what}. Received: directory={str(record.parent)!r}, "
            f"whose {what} {'differ' if what.endswith('s') else 'differs'} in {', '.join(different)}"
        )


def check_same_data(training: Split, record: pathlib.Path) -> None:
    """Writes number and SHA-256 of the training images and labels into the run's folder, or checks those there."""
    mine = {"images": len(training.labels), "sha256": sha256_of(training)}
    if not record.exists():
        if checkpoints(record.parent):
            print(f"No hash of the training data is recorded in {record.parent}: that of these data is, from now on.")
        write_json(record, mine)
        return
    theirs = read_record(record)
    if mine != theirs:
        raise ValueError(
            "`source` must hold the training data with which the run began. Received: "
            f"{mine['images']} images that are not the {theirs.get('images')} of {record}"
        )


def check_same_weights(argument: str, names: Sequence[str], record: pathlib.Path) -> None:
    """Writes the SHA-256 of weights into the file of a run, or checks that they are those there.

    Args:
        argument: Field of the recipe that names them, for the message.
        names: Names of entries with weights, or paths of weights files; without, nothing is written.
        record: The file of the run.

    Raises:
        ValueError: Where weights are others than when the run began.
    """
    if not names:
        return
    hashes = {name: _sha256_of_weights(argument, name) for name in names}
    if not record.exists():
        write_json(record, hashes)
        return
    recorded = read_record(record)
    if different := sorted(name for name in hashes if hashes[name] != recorded.get(name)):
        raise ValueError(
            f"`{argument}` must have the weights with which the run began. "
            f"Received: other weights of {', '.join(different)} than `{record}` has"
        )


def _sha256_of_weights(argument: str, name: str) -> str:
    """Returns the SHA-256 of the weights of an entry, or of a file."""
    if name.endswith(SUFFIXES):
        if not pathlib.Path(name).is_file():
            raise ValueError(f"`{argument}` must name existing weights files, or entries. Received: {name!r}")
        return zoo.cards.describe(pathlib.Path(name)).sha256
    weights = zoo.card(name).weights
    if weights is None:
        trained = ", ".join(zoo.list_models(pretrained=True))
        raise ValueError(f"`{argument}` must name entries that have weights: {trained}. Received: {name!r}")
    return weights.sha256


def sha256_of(split: Split) -> str:
    """Returns the SHA-256 of a split's images and labels, with their types and shapes."""
    digest = hashlib.sha256()
    for array in split:
        digest.update(f"{array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def read_record(record: pathlib.Path) -> dict[str, Any]:
    """Returns what a JSON file of a run's folder holds.

    Raises:
        ValueError: Where it is not an object of JSON; the message names the file.
    """
    try:
        content = json.loads(record.read_text())
    except ValueError as error:
        raise ValueError(f"`directory` must hold records that can be read. Received: {record} ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"`directory` must hold records that are JSON objects. Received: {record}, a {type(content).__name__}"
        )
    return content
