"""The folder of a table's run: a result a row and seed, the claims, the trainings on their way."""

import json
import math
import pathlib
from typing import Any, NamedTuple

from ..files import write_json
from .scale import Scale, training_of
from .table import Row, Table


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

    def open_for(self, table: Table, scale: Scale) -> None:
        """Makes the folder, or checks that it is of this table at this scale.

        Raises:
            ValueError: Where it is of another.
        """
        mine, record = {"table": table.name, **scale.record()}, self.path / "scale.json"
        for folder in (self.results, self.claims, self.trainings):
            folder.mkdir(parents=True, exist_ok=True)
        if not record.exists():
            write_json(record, mine)
        theirs = json.loads(record.read_text())
        different = sorted(key for key in mine if mine[key] != theirs.get(key))
        if different:
            raise ValueError(
                "`directory` must be new or hold a run of the same table at the same scale. "
                f"Received: directory={str(self.path)!r}, whose run differs in {', '.join(different)}"
            )

    def result_file(self, job: Job) -> pathlib.Path:
        """Returns the file of a training's result. It is there once the training is complete."""
        return self.results / f"{job.name}.json"

    def read(self, job: Job, scale: Scale) -> dict[str, Any] | None:
        """Returns the result of a training, `None` where it is not complete.

        Raises:
            ValueError: Where the row was another one then: its network or recipe has changed since.
        """
        path = self.result_file(job)
        if not path.exists():
            return None
        result = json.loads(path.read_text())
        if result["training"] != training_of(job.row, job.seed, scale).record():
            raise ValueError(
                f"`directory` must hold results of the table as it is now. Received: {path}, of other settings. "
                "Remove it to train this row anew."
            )
        result["measures"] = {name: math.nan if x is None else x for name, x in result["measures"].items()}
        return result

    def write(self, job: Job, result: dict[str, Any]) -> None:
        """Writes the result of a training. NaN, which JSON does not have, becomes null."""
        measured = {name: None if math.isnan(x) else x for name, x in result["measures"].items()}
        write_json(self.result_file(job), {**result, "measures": measured})


def jobs(rows: tuple[Row, ...], scale: Scale) -> list[Job]:
    """Returns all trainings of a table, seed by seed: a run that is cut has all rows with some of the seeds."""
    return [Job(row, seed) for seed in range(scale.seeds) for row in rows]
