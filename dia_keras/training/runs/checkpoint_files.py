"""The checkpoints in a run's folder: the two newest, each with its SHA-256 in `checkpoints.json`.

A file that is not the one recorded is not a checkpoint: the run goes on from the older one. Runs that began before
hashes were recorded have files alone; those are read instead.
"""

import json
import pathlib
import re
import warnings
from collections.abc import Iterable
from typing import NamedTuple

import h5py
import numpy as np

from ...files import digest_of, to_disk

NAME = re.compile(r"epoch_(\d+)(?:_phase_(\d+))?(?:_step_(\d+))?\.weights\.h5")
RECORD = "checkpoints.json"
KEPT = 2


class Saved(NamedTuple):
    """A checkpoint: the epochs done, the phase that it is in, the steps done of the epoch after those, and its file.

    Between two phases and at the end of an epoch the phase is 0, as in the file's name.
    """

    epochs: int
    phase: int
    step: int
    path: pathlib.Path


def name_of(epochs: int, phase: int = 0, step: int = 0) -> str:
    """Returns the name of a checkpoint's file."""
    return f"epoch_{epochs}{f'_phase_{phase}' if phase else ''}{f'_step_{step}' if step else ''}.weights.h5"


def checkpoints(directory: pathlib.Path) -> list[Saved]:
    """Returns the checkpoints in a folder, oldest first: those recorded, or all files where no record is."""
    recorded = _recorded(directory)
    files = directory.glob("epoch_*.weights.h5")
    return _in_order(directory, (path.name for path in files) if recorded is None else recorded)


def epochs_done(directory: pathlib.Path) -> int:
    """Returns the number of epochs after which the newest checkpoint of a folder was written, 0 without one."""
    return max((saved.epochs for saved in checkpoints(directory)), default=0)


def put_in_place(written: pathlib.Path, path: pathlib.Path) -> None:
    """Gives a written file its name as a checkpoint. The oldest one goes once this one is on the disk."""
    directory, earlier = path.parent, _recorded(path.parent) or {}
    to_disk(written)
    recorded = {**earlier, path.name: digest_of(written)}
    written.replace(path)
    to_disk(directory)
    kept = {saved.path.name for saved in _in_order(directory, recorded)[-KEPT:]}
    _write_record(directory, {name: digest for name, digest in recorded.items() if name in kept})
    for name in earlier.keys() - kept:
        (directory / name).unlink(missing_ok=True)


def keep_whole(directory: pathlib.Path, steps_per_epoch: int | None) -> list[Saved]:
    """Checks the checkpoints in a folder, and returns those that are whole, oldest first.

    A warning names each of the others, which is not a checkpoint from then on; its file stays.

    Args:
        directory: The folder.
        steps_per_epoch: Steps of an epoch, by which files without a recorded hash are checked; `None` where the
            optimizer does not count all steps of the run.

    Raises:
        ValueError: Where there are checkpoints, and none is whole.
    """
    all_saved, recorded = checkpoints(directory), _recorded(directory)
    if not all_saved:
        return []
    if recorded is None:
        print(f"No hashes of the checkpoints in {directory} are recorded: their content is checked, and recorded.")
    faults = {
        saved: _fault_of(saved, steps_per_epoch) if recorded is None else _difference(saved, recorded[saved.path.name])
        for saved in all_saved
    }
    damaged = [f"{saved.path} {fault}" for saved, fault in faults.items() if fault]
    whole = [saved for saved, fault in faults.items() if not fault]
    if not whole:
        raise ValueError(
            "`directory` must hold a checkpoint that is whole, or none. To start over, use another folder. "
            f"Received: {'; '.join(damaged)}"
        )
    for message in damaged:
        warnings.warn(f"{message}: the run goes on from {whole[-1].path.name}", stacklevel=2)
    if damaged or recorded is None:
        _write_record(directory, {saved.path.name: digest_of(saved.path) for saved in whole})
    return whole


def newest_whole(directory: pathlib.Path) -> Saved | None:
    """Returns the newest checkpoint in a folder whose bytes are those recorded, if any; nothing is changed."""
    recorded = _recorded(directory)
    for saved in reversed(checkpoints(directory)):
        if recorded is None or _difference(saved, recorded[saved.path.name]) is None:
            return saved
    return None


def _difference(saved: Saved, recorded: str) -> str | None:
    """Returns how a checkpoint's file differs from the one that was written."""
    if not saved.path.is_file():
        return "is not there"
    return None if digest_of(saved.path) == recorded else "is damaged: its bytes are not those that were written"


def _fault_of(saved: Saved, steps_per_epoch: int | None) -> str | None:
    """Returns what is wrong with the content of a checkpoint."""
    try:
        with h5py.File(saved.path) as file:
            if "optimizer/vars/0" not in file:
                return "has no state of the optimizer"
            arrays: list[np.ndarray] = []
            file.visititems(lambda _, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None)
            steps, is_finite = int(file["optimizer/vars/0"][()]), all(np.isfinite(array).all() for array in arrays)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        return f"cannot be read ({error})"
    if not is_finite:
        return "holds numbers that are not finite"
    expected = steps if steps_per_epoch is None else saved.epochs * steps_per_epoch + saved.step
    return None if steps == expected else f"was written after {steps} steps, and its name says {expected}"


def _in_order(directory: pathlib.Path, names: Iterable[str]) -> list[Saved]:
    """Returns the checkpoints of these names, oldest first; other names are left out."""
    named = []
    for match in filter(None, map(NAME.fullmatch, names)):
        epochs, phase, step = (int(number or 0) for number in match.groups())
        named.append(Saved(epochs, phase, step, directory / match[0]))
    return sorted(named)


def _recorded(directory: pathlib.Path) -> dict[str, str] | None:
    """Returns the recorded SHA-256 of every checkpoint by its file's name, `None` without a record that can be read."""
    try:
        recorded = json.loads((directory / RECORD).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return recorded if isinstance(recorded, dict) else None


def _write_record(directory: pathlib.Path, recorded: dict[str, str]) -> None:
    written = directory / f"{RECORD}.new"
    written.write_text(json.dumps(recorded, indent=2) + "\n")
    to_disk(written)
    written.replace(directory / RECORD)
    to_disk(directory)
