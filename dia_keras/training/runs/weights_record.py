"""The weights that a run takes from elsewhere: the same whenever it goes on."""

import pathlib
from collections.abc import Sequence

from ... import zoo
from ...files import write_json
from ...zoo.files.reading import SUFFIXES
from .run_folder import read_record


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
    found = {name: _sha256(name) for name in names}
    if not record.exists():
        write_json(record, found)
        return
    recorded = read_record(record)
    if different := sorted(name for name in found if found[name] != recorded.get(name)):
        raise ValueError(
            f"`{argument}` must have the weights with which the run began. "
            f"Received: other weights of {', '.join(different)} than `{record}` tells"
        )


def _sha256(name: str) -> str:
    if name.endswith(SUFFIXES):
        return zoo.cards.describe(pathlib.Path(name)).sha256
    weights = zoo.card(name).weights
    assert weights is not None  # else it would not have loaded
    return weights.sha256
