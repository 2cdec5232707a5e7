"""Trainings that several tables have: a result of one table's run is a result of the other's."""

import json
import math
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..files import staged
from ..training.runs.run_folder import read_record
from .run_directory import RunDirectory
from .table import read_table
from .trainings import Training


class Reused(NamedTuple):
    """A result of another run, and the file of its network if that was kept."""

    result: dict[str, Any]
    network: pathlib.Path | None

    @property
    def source(self) -> str:
        """Where the result is from, for people."""
        return "{table}, {file}".format(**self.result["reused_from"])

    def copy_network(self, path: pathlib.Path) -> None:
        """Copies the network's file."""
        if self.network is not None:
            with staged(path) as new:
                shutil.copyfile(self.network, new)


class OtherRuns:
    """The results of other tables' runs.

    Args:
        folders: Folders of runs, or folders that have folders of runs.

    Raises:
        ValueError: Where a folder has no run.
    """

    def __init__(self, folders: Sequence[pathlib.Path]):
        self._runs = [run for folder in folders for run in _runs_in(folder)]

    def find(
        self, training: Training, data: Any, record: Mapping[str, Any], *, with_network: bool, with_curves: bool
    ) -> Reused | None:
        """Returns the result of the same training, under another name.

        Args:
            training: The training.
            data: Its data.
            record: The `data_record` of the data.
            with_network: Whether it must have its trained network, unless it exploded.
            with_curves: Whether its log must have the accuracy on the test images after every epoch.
        """
        same_data = json.loads(json.dumps(record))
        others = [
            other
            for run in self._runs
            for other in _results_of(run, with_curves)
            if _is_same(other.result["data"], same_data)
            and (other.network or other.result["exploded"] is not None or not with_network)
        ]
        place = training.own_among([other.result for other in others], data)
        if place is None:
            return None
        result, network = others[place]
        measures = {name: math.nan if x is None else x for name, x in result["measures"].items()}
        return Reused({**result, "training": training.record(), "measures": measures}, network)


def _is_same(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> bool:
    """Returns whether two records are of the same data. Older ones do not have the names of the classes."""
    known = {"class_names": mine["class_names"]} if "class_names" in mine else {}
    return {**known, **theirs} == mine


def _results_of(run: RunDirectory, with_curves: bool) -> Iterator[Reused]:
    """Yields the results of a run, each with where it was trained."""
    table = read_table(read_record(run.scale_file)["table"])
    if with_curves and not table.curves:
        return
    for path in sorted(run.results.glob("*.json")):
        network = run.networks / f"{path.stem}.keras"
        source = {"reused_from": {"table": table.label, "file": path.name}}
        yield Reused({**source, **read_record(path)}, network if network.exists() else None)


def _runs_in(folder: pathlib.Path) -> list[RunDirectory]:
    paths = [folder] if RunDirectory(folder).has_been_opened else sorted(folder.glob("*/"))
    runs = [run for run in map(RunDirectory, paths) if run.has_been_opened]
    if not runs:
        raise ValueError(f"`reuse` must be folders of runs, or of such folders. Received: {str(folder)!r}, without any")
    return runs
