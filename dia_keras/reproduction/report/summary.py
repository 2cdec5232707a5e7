"""Results of each row's trainings, and comparisons of the rows."""

import dataclasses
import itertools
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from ..run_directory import Job, RunDirectory, SameData
from ..scale import Scale
from ..table import Row, Table
from .statistics import Comparison, compare, holm


@dataclasses.dataclass
class Summary:
    """What the trainings of a row found.

    Attributes:
        row: The row.
        results: Results of its complete trainings, by seed.
        comparison: The test against its reference, on the table's first column; `None` without a reference, or where
            one of the two has trainings that exploded, or none that are complete and have a number there.
        p_holm: The p-value, corrected for the comparisons of the group.
    """

    row: Row
    results: dict[int, dict[str, Any]]
    comparison: Comparison | None = None
    p_holm: float = math.nan

    @property
    def exploded(self) -> int:
        """Number of trainings that exploded."""
        return sum(bool(result["exploded"]) for result in self.results.values())

    @property
    def stands_in(self) -> bool:
        """Whether trainings were of other data than the row's, which stand in for them."""
        return any(result["data"].get("stands_in") for result in self.results.values())

    def values(self, column: str) -> list[float]:
        """Returns a measure of all trainings that did not explode."""
        measures = [result["measures"].get(column, math.nan) for result in self.results.values()]
        return [value for value in measures if not math.isnan(value)]


def summarize(table: Table, directory: str | os.PathLike, scale: Scale | None = None) -> list[Summary]:
    """Reads the results of a table, and compares its rows within their groups.

    Args:
        table: The table.
        directory: The run's folder.
        scale: The scale; by default the paper's.

    Raises:
        ValueError: Where the folder is of another scale, a result is of other settings than the table has now, or two
            are of different data.
        ImportError: Where SciPy is not installed.
    """
    scale, run = scale or Scale(), RunDirectory(pathlib.Path(directory))
    run.check(table, scale)
    summaries: list[Summary] = []
    same_data = SameData()
    for row in table.rows:
        read = {seed: run.read(Job(row, seed), scale) for seed in range(scale.seeds)}
        for seed, result in read.items():
            if result is not None:
                same_data.check(result["data"], str(run.result_file(Job(row, seed))))
        summaries.append(Summary(row, {seed: result for seed, result in read.items() if result is not None}))
    for _, group in itertools.groupby(summaries, key=lambda summary: summary.row.group):
        _compare(list(group), table.columns[0])
    return summaries


def of_begun_groups(summaries: Sequence[Summary]) -> list[Summary]:
    """Returns the rows of those groups of which a training is complete."""
    begun = {summary.row.group for summary in summaries if summary.results}
    return [summary for summary in summaries if summary.row.group in begun]


def _compare(group: list[Summary], column: str) -> None:
    by_name = {summary.row.name: summary for summary in group}
    compared = []
    for summary in group:
        other = by_name[summary.row.reference] if summary.row.reference else None
        if other and summary.values(column) and other.values(column) and not summary.exploded and not other.exploded:
            summary.comparison = compare(summary.values(column), other.values(column))
            compared.append((summary, summary.comparison.p))
    for (summary, _), corrected in zip(compared, holm([p for _, p in compared]), strict=True):
        summary.p_holm = corrected
