"""The folder of a table's run: a result a row and seed, the claims, the trainings on their way."""

import math
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..files import write_json
from ..training.runs.run_folder import read_record
from . import claims
from .scale import Scale
from .table import Row, Table
from .trainings import training_of


class Job(NamedTuple):
    """A training: a row and a seed."""

    row: Row
    seed: int

    @property
    def name(self) -> str:
        return f"{self.row.key}-{self.seed}"


class RunDirectory:
    """The folder of a table at a scale.

    Args:
        path: The folder. It is made by `open_for`.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.results, self.claims, self.trainings = path / "results", path / "claims", path / "trainings"
        self.networks, self.scale_file = path / "networks", path / "scale.json"

    @property
    def has_been_opened(self) -> bool:
        """Whether the folder is that of a run."""
        return self.scale_file.is_file()

    def open_for(self, table: Table, scale: Scale) -> None:
        """Makes the folder, or checks that it is of this table at this scale.

        Raises:
            ValueError: Where it is of another.
        """
        for folder in (self.results, self.claims, self.trainings):
            folder.mkdir(parents=True, exist_ok=True)
        if not self.has_been_opened or self._is_unused():
            write_json(self.scale_file, {"table": table.name, **scale.record()})
        self.check(table, scale)

    def _is_unused(self) -> bool:
        """Returns whether nobody has trained here, nor does: what was opened for a command that failed."""
        is_trained = any(self.results.iterdir()) or any(self.trainings.iterdir())
        return not is_trained and not any(claims.is_held(self.claims, work) for work in claims.claimed(self.claims))

    def check(self, table: Table, scale: Scale) -> None:
        """Checks that the folder is of this table at this scale, if it has been opened.

        Raises:
            ValueError: Where it is of another.
        """
        if not self.has_been_opened:
            return
        mine, theirs = {"table": table.name, **scale.record()}, read_record(self.scale_file)
        different = sorted(key for key in mine if mine[key] != theirs.get(key))
        if different:
            raise ValueError(
                "`directory` must be new or hold a run of the same table at the same scale. "
                f"Received: directory={str(self.path)!r}, whose run differs in {', '.join(different)}"
            )

    def result_file(self, job: Job) -> pathlib.Path:
        """Returns the file of a training's result. It is there once the training is complete."""
        return self.results / f"{job.name}.json"

    def network_file(self, job: Job) -> pathlib.Path:
        """Returns the file of a network that is kept."""
        return self.networks / f"{job.name}.keras"

    def read(self, job: Job, scale: Scale) -> dict[str, Any] | None:
        """Returns the result of a training, `None` where it is not complete.

        Raises:
            ValueError: Where the row was another one then: its network or recipe has changed since.
        """
        path = self.result_file(job)
        if not path.exists():
            return None
        result = read_record(path)
        training = training_of(job.row, job.seed, scale)
        if training.completed(result.get("training")) != training.record():
            raise ValueError(
                f"`directory` must hold results of the table as it is now. Received: {path}, of other settings. "
                "Remove it to train this row again."
            )
        result["measures"] = {name: math.nan if x is None else x for name, x in result["measures"].items()}
        return result

    def write(self, job: Job, result: dict[str, Any]) -> None:
        """Writes the result of a training. NaN, which JSON does not have, becomes null."""
        measured = {name: None if math.isnan(x) else x for name, x in result["measures"].items()}
        write_json(self.result_file(job), {**result, "measures": measured})

    def keep(self, job: Job, save: Callable[[pathlib.Path], None]) -> None:
        """Has the network of a training saved to `networks/<row>-<seed>.keras`."""
        path = self.network_file(job)
        path.parent.mkdir(exist_ok=True)
        save(path)

    def tidy(self, job: Job) -> None:
        """Removes what a training that is complete no longer needs: its claims and its checkpoints."""
        claims.remove(self.claims, job.name)
        shutil.rmtree(self.trainings / job.name, ignore_errors=True)


class SameData:
    """Tells whether trainings were of the same images, by their SHA-256, and of the same classes, by their names."""

    def __init__(self):
        self._first: dict[str, tuple[str, dict[str, Any]]] = {}
        self._class_names: dict[str, list[str]] = {}  # results of earlier versions do not have them

    def check(self, record: Mapping[str, Any], where: str) -> None:
        """Compares a record with the first one of the same data set.

        Args:
            record: The entry `data` of a result. One without a SHA-256 is not compared.
            where: What it is of, for people.

        Raises:
            ValueError: Where the images or the classes are others.
        """
        if "sha256" not in record:
            return
        first, known = self._first.setdefault(record["name"], (where, record["sha256"]))
        different = [split for split in known if record["sha256"].get(split) != known[split]]
        if different:
            raise ValueError(
                f"`directory` must hold trainings on the same data. Received: {where} and {first}, with other "
                f"{' and '.join(different)} images of {record['name']}"
            )
        names = record.get("class_names")
        if names and names != self._class_names.setdefault(record["name"], names):
            raise ValueError(
                f"`directory` must hold trainings on the same data. Received: {where}, with other names or another "
                f"order of the classes of {record['name']}"
            )


def jobs(rows: tuple[Row, ...], scale: Scale) -> list[Job]:
    """Returns all trainings of a table, seed by seed: a run that is cut has all rows with some of the seeds."""
    return [Job(row, seed) for seed in range(scale.seeds) for row in rows]
