"""The report of a table: mean, deviation and p-value of each row beside the paper's figures, as CSV and Markdown."""

import collections
import csv
import io
import itertools
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from ...files import write_text
from ..data_sets import DATA_SETS
from ..scale import Scale
from ..table import Table
from .picture import draw, draw_roc, has_roc
from .statistics import deviation, mean, verdict
from .summary import Summary, of_begun_groups, summarize


def write_report(
    table: Table, directory: str | os.PathLike, scale: Scale | None = None, out: str | os.PathLike | None = None
) -> pathlib.Path:
    """Writes the table of what is complete so far: `<table>.csv`, `<table>.md` and `<table>.png`.

    Of two classes, it writes `<table>_roc.png`, too. The picture of a table that has a drawing is that of
    `write_drawing`.

    Args:
        table: The table.
        directory: The run's folder.
        scale: The scale; by default the paper's.
        out: Folder of the files; by default the run's.

    Returns:
        The path of the Markdown file.

    Raises:
        ValueError: Where there is no result yet, or one is of other settings than the table has now.
        ImportError: Where SciPy is not installed.
    """
    scale = scale or Scale()
    folder = pathlib.Path(out or directory)
    summaries = summarize(table, directory, scale)
    if not any(summary.results for summary in summaries):
        raise ValueError(f"`directory` must have a complete training. Received: directory={str(directory)!r}")
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{table.name}.md"
    write_text(folder / f"{table.name}.csv", csv_text(table, summaries))
    write_text(page, markdown(table, summaries, scale))
    if table.drawing is None:
        draw(table, of_begun_groups(summaries), folder / f"{table.name}.png", scale)
    if has_roc(summaries):
        draw_roc(table, summaries, folder / f"{table.name}_roc.png", scale)
    return page


def csv_text(table: Table, summaries: Sequence[Summary]) -> str:
    """Returns the table as CSV, accuracies in percent, numbers of parameters whole; what is not known is empty."""
    text = io.StringIO()
    measured = [f"{name}_{part}" for name in table.columns for part in ("mean", "std", "paper", "paper_std")]
    detectors = ["detector"] if any(summary.row.detector for summary in summaries) else []
    fields = [*detectors, "network", "data", "row", "seeds", "exploded", "parameters", "paper_parameters", *measured]
    writer = csv.DictWriter(text, [*fields, "reference", "difference", "low", "high", "p", "p_holm"])
    writer.writeheader()
    for summary in summaries:
        row = summary.row
        values: dict[str, Any] = {
            **{name: row.detector or "" for name in detectors},
            "network": row.network,
            "data": row.data,
            "row": row.name,
            "seeds": len(summary.results),
            "exploded": summary.exploded,
            "parameters": _parameters(summary) or "",
            "paper_parameters": "" if row.parameters is None else f"{row.parameters}M",
            "reference": row.reference or "",
        }
        for name in table.columns:
            paper = row.paper.get(name)
            values |= {
                f"{name}_mean": _number(mean(summary.values(name)), "nan" if summary.results else ""),
                f"{name}_std": _number(deviation(summary.values(name))),
                f"{name}_paper": "" if paper is None else paper.mean,
                f"{name}_paper_std": "" if paper is None or paper.deviation is None else paper.deviation,
            }
        if summary.comparison:
            values |= {name: _number(value) for name, value in summary.comparison._asdict().items()}
            values["p_holm"] = _number(summary.p_holm)
        writer.writerow(values)
    return text.getvalue()


def markdown(table: Table, summaries: Sequence[Summary], scale: Scale) -> str:
    """Returns the table as a page in Markdown."""
    devices = sorted({result["run"]["device"] for summary in summaries for result in summary.results.values()})
    seeds = f"{scale.seeds} seeds" if scale.seeds > 1 else "1 seed"
    lines = [
        f"# {table.label}: {table.title}",
        "",
        f"Scale: {scale}; {seeds} a row (the paper: {table.seeds}). Measured on {'; '.join(devices)}.",
        "Figures are of the last epoch on the test images, mean and standard deviation over the seeds, in percent.",
        f"p is of Student's two-sample t-test of {table.columns[0]} against the reference. Holm's correction is for",
        "all comparisons of a group, and decides the verdict at the level 0.05. What is not significant may be a",
        "difference all the same.",
        "",
    ]
    stands_in = sorted({DATA_SETS[summary.row.data].title for summary in summaries if summary.stands_in})
    if stands_in:
        names = " and ".join(stands_in)
        lines += [f"**Other data stand in for {names}: the figures here are not of {names}.**", ""]
    if table.notes:
        lines += [*(f"- {note}" for note in table.notes), ""]
    shown = of_begun_groups(summaries)
    for group, rows in itertools.groupby(shown, key=lambda summary: summary.row.group):
        lines += [f"## {_title(group)}", "", *_group(table, list(rows)), ""]
    missing = [
        f"{summary.row.key} ({scale.seeds - len(summary.results)})"
        for summary in shown
        if len(summary.results) < scale.seeds
    ]
    others = dict.fromkeys(_title(summary.row.group) for summary in summaries if summary not in shown)
    if others:
        lines += [f"Not trained here: {', '.join(others)}.", ""]
    if missing:
        lines += [f"Not complete yet, with the number of trainings to go: {', '.join(missing)}.", ""]
    results = [result for summary in summaries for result in summary.results.values()]
    if reused := collections.Counter(result["reused_from"]["table"] for result in results if "reused_from" in result):
        theirs = ", ".join(f"{number} of {label}" for label, number in reused.items())
        lines += [f"Trainings that are taken over: {theirs}. So the tables are not independent.", ""]
    pictures = [f"![{table.label}]({table.name}.png)", ""]
    if has_roc(summaries):
        pictures += [f"![ROC curves]({table.name}_roc.png)", ""]
    return "\n".join([*lines, *pictures])


def _title(group: str) -> str:
    network, _, data = group.rpartition(", ")
    return f"{network} on {DATA_SETS[data].title}"


def _group(table: Table, rows: list[Summary]) -> list[str]:
    """Returns the lines of a group's table; the paper has a column where it has figures."""
    printed = [name for name in table.columns if any(name in summary.row.paper for summary in rows)]
    counted = any(summary.row.parameters for summary in rows)
    head = ["row", "seeds", "parameters"]
    if counted:
        head.append("paper")
    for name in table.columns:
        head += [name, "paper"] if name in printed else [name]
    numbers = len(head) - 1
    head += ["against", "difference", "95% interval", "p", "p (Holm)", "verdict"]
    if table.paper_p:
        head.append("paper")
    lines = [_line(head), _line(["---", *["--:"] * numbers, *["---"] * (len(head) - 1 - numbers)])]
    for summary in rows:
        row, count = summary.row, _parameters(summary)
        cells = [row.name, str(len(summary.results)), f"{count / 1e6:.2f}M" if count else ""]
        if counted:
            cells.append(f"{row.parameters:.2f}M" if row.parameters else "")
        for name in table.columns:
            cells.append(_measure(summary, name))
            if name in printed:
                paper = row.paper.get(name)
                cells.append(_printed(paper.mean, paper.deviation) if paper else "")
        cells += [row.reference or "", *_tested(summary)]
        if table.paper_p:
            cells.append(table.paper_p if row.reference else "")
        lines.append(_line(cells))
    return lines


def _tested(summary: Summary) -> list[str]:
    """Returns difference, interval, the p-values and what they say."""
    comparison = summary.comparison
    if comparison is None:
        return [""] * 5
    if math.isnan(comparison.low):
        return [f"{comparison.difference:+.2f}", "", "", "", "needs two seeds"]
    if math.isnan(comparison.p):
        return [f"{comparison.difference:+.2f}", "", "", "", "no spread"]
    interval = f"{comparison.low:+.2f} to {comparison.high:+.2f}"
    says = verdict(comparison.difference, summary.p_holm)
    return [f"{comparison.difference:+.2f}", interval, _p(comparison.p), _p(summary.p_holm), says]


def _measure(summary: Summary, column: str) -> str:
    if not summary.results:
        return ""
    values = summary.values(column)
    exploded = f" ({summary.exploded} of {len(summary.results)} exploded)" if summary.exploded and values else ""
    return _printed(mean(values), deviation(values)) + exploded


def _printed(value: float, spread: float | None) -> str:
    return f"{value:.2f}" + ("" if spread is None or math.isnan(spread) else f" ± {spread:.2f}")


def _p(value: float) -> str:
    return "" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _number(value: float, otherwise: str = "") -> str:
    return otherwise if math.isnan(value) else f"{value:.6g}"


def _parameters(summary: Summary) -> int | None:
    return next((result["parameters"] for result in summary.results.values()), None)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
