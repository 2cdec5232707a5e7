"""The picture of a table: our figures beside the paper's, or curves by epoch."""

import itertools
import math
import pathlib
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from ...files import staged
from ..scale import Scale
from ..table import Table
from .statistics import deviation, mean
from .summary import Summary

#: Height of a row of a table, in inches.
ROW = 0.26


def draw(table: Table, summaries: Sequence[Summary], path: pathlib.Path, scale: Scale) -> None:
    """Draws a table into a PNG: curves where the paper has curves, and else a point a row with its deviation.

    Below a point, smaller ones are the single trainings. A dotted line is at the row that others are compared with, and
    reaches as far as these. Points are of the measure that tests compare, and of others that the paper prints.

    Args:
        table: The table.
        summaries: Its rows' summaries.
        path: The file.
        scale: The scale, which the title has unless it is the paper's.
    """
    figure = _curves(summaries) if table.curves else _points(table, summaries, scale)
    entitle(figure, f"{table.label}: {table.title}", scale)
    with staged(path) as new:
        figure.savefig(new, dpi=120, format="png")


def entitle(figure: Figure, title: str, scale: Scale) -> None:
    """Gives a figure its title, and below it what is not as in the paper: a network in another's place, for one."""
    if scale.record() != Scale().record():
        title = "\n".join([title, *textwrap.wrap(f"here: {scale}", round(12 * figure.get_figwidth()))])
    figure.suptitle(title, fontsize=10)


def has_roc(summaries: Sequence[Summary]) -> bool:
    """Returns whether trainings have ROC curves: those of two classes do."""
    return any(result.get("roc") for summary in summaries for result in summary.results.values())


def draw_roc(table: Table, summaries: Sequence[Summary], path: pathlib.Path, scale: Scale) -> None:
    """Draws the ROC curves into a PNG: thin lines for the seeds, a thick one for their mean at each share of negatives.

    Args:
        table: The table.
        summaries: Its rows' summaries, some with curves.
        path: The file.
        scale: The scale.
    """
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color="0.7", linestyle=":")
    positive = ""
    for number, summary in enumerate(summaries):
        rocs = [result["roc"] for result in summary.results.values() if result.get("roc")]
        curves = [[100 * share for share in roc["found"]] for roc in rocs]
        for curve in curves:
            axes.plot(_percents(curve), curve, color=f"C{number}", alpha=0.25, linewidth=0.8)
        if curves:
            average = [mean(values) for values in zip(*curves, strict=True)]
            label = f"{summary.row.name}, area {mean(summary.values('auc')):.1f}%"
            axes.plot(_percents(average), average, color=f"C{number}", label=label)
            positive = rocs[0]["positive"]
    axes.set(xlabel=f"other images taken for {positive} (%)", ylabel=f"images of {positive} found (%)", aspect="equal")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    entitle(figure, f"{table.label}: ROC on the test images", scale)
    with staged(path) as new:
        figure.savefig(new, dpi=120, format="png")


def _percents(curve: Sequence[float]) -> list[float]:
    """Returns the places of a curve's points, even from 0 to 100."""
    return [100 * index / (len(curve) - 1) for index in range(len(curve))]


def _points(table: Table, summaries: Sequence[Summary], scale: Scale) -> Figure:
    first, *others = table.columns
    columns = [first, *(name for name in others if any(name in summary.row.paper for summary in summaries))]
    groups = [list(rows) for _, rows in itertools.groupby(summaries, key=lambda summary: summary.row.group)]
    panels = list(itertools.product(groups, columns))
    across = min(2, len(panels))
    down = math.ceil(len(panels) / across)
    height = 0.9 + down * (1.0 + ROW * max(map(len, groups)))
    figure = Figure(figsize=(7 * across, max(2.6, height)), layout="constrained")
    halves = {column: _half(groups, column) for column in columns}
    for part, (rows, column) in zip(figure.subfigures(down, across, squeeze=False).flat, panels, strict=False):
        here = [scale.networks[rows[0].row.network]] if rows[0].row.network in scale.networks else []
        if any(summary.stands_in for summary in rows):
            here.append("other images")
        part.suptitle(rows[0].row.group + (f" (here {', '.join(here)})" if here else ""), fontsize=10)
        _draw_group(part, column, rows, halves[column])
    return figure


def _half(groups: Sequence[Sequence[Summary]], column: str) -> float:
    """Returns half the length of the axes of a column: all groups have the same, so that they compare."""
    lengths = [_length([of(summary, column) for summary in rows]) for rows in groups for of in (_ours, _theirs)]
    return 0.6 * max(1.0, *lengths)


def _draw_group(part, column: str, rows: Sequence[Summary], half: float) -> None:
    """Draws our figures of a group, and beside them the paper's, each in a range of its own, of the same length."""
    here, paper = part.subplots(1, 2, sharey=True)
    names = [summary.row.name for summary in rows]
    ours, theirs = [_ours(summary, column) for summary in rows], [_theirs(summary, column) for summary in rows]
    for axes, title, points, color in ((here, "here", ours, "tab:blue"), (paper, "paper", theirs, "0.4")):
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(f"{column} (%)")
        axes.grid(alpha=0.3)
        if low_and_high := _ends(points):
            middle = min(max(sum(low_and_high) / 2, half), 100 - half)  # no axis goes beyond 0 or 100%
            axes.set_xlim(middle - half, middle + half)
        else:
            axes.set_xticks([])
        for reference, first, last in _compared(rows):
            axes.vlines(points[reference].mean, first - 0.4, last + 0.4, color=color, linestyle=":", linewidth=1)
        for place, point in enumerate(points):
            axes.errorbar(point.mean, place, xerr=point.deviation, fmt="o", color=color, capsize=3)
            axes.plot(point.trainings, [place + 0.25] * len(point.trainings), "o", color=color, markersize=2)
            if point.note:
                side, x = ("left", 0.01) if point.mean > sum(axes.get_xlim()) / 2 else ("right", 0.99)
                where = {"xycoords": ("axes fraction", "data"), "ha": side, "va": "center"}
                axes.annotate(point.note, (x, place), **where, bbox={"color": "white", "pad": 1})
    here.set_yticks(range(len(rows)), names)
    here.set_ylim(len(rows) - 0.5, -0.5)


def _compared(rows: Sequence[Summary]) -> list[tuple[int, int, int]]:
    """Returns the place of each row that others are compared with, and of the first and the last row of them all."""
    names = [summary.row.name for summary in rows]
    places: dict[int, list[int]] = {}
    for place, summary in enumerate(rows):
        if summary.row.reference:
            places.setdefault(names.index(summary.row.reference), []).append(place)
    return [(reference, min(reference, *own), max(reference, *own)) for reference, own in sorted(places.items())]


class _Point(NamedTuple):
    """What is drawn of a row: not a number where there is nothing."""

    mean: float
    deviation: float
    trainings: Sequence[float] = ()
    note: str = ""


def _ours(summary: Summary, column: str) -> _Point:
    values, number = summary.values(column), len(summary.results)
    note = ""
    if summary.exploded:
        note = "exploded" if summary.exploded == number else f"{summary.exploded} of {number} exploded"
    if not values:
        return _Point(math.nan, 0.0, (), note)
    return _Point(mean(values), deviation(values) if len(values) > 1 else 0.0, values if len(values) > 1 else (), note)


def _theirs(summary: Summary, column: str) -> _Point:
    figure = summary.row.paper.get(column)
    if figure is None:
        return _Point(math.nan, 0.0)
    return _Point(figure.mean, figure.deviation or 0.0, note="exploded" if math.isnan(figure.mean) else "")


def _ends(points: Sequence[_Point]) -> tuple[float, float] | None:
    ends = [
        end
        for point in points
        for end in (point.mean - point.deviation, point.mean + point.deviation, *point.trainings)
    ]
    ends = [end for end in ends if not math.isnan(end)]
    return (min(ends), max(ends)) if ends else None


def _length(points: Sequence[_Point]) -> float:
    low, high = _ends(points) or (0.0, 0.0)
    return high - low


def _curves(summaries: Sequence[Summary]) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    accuracy, loss = figure.subplots(1, 2)
    for axes, key, scale, label in (
        (accuracy, "val_accuracy", 100, "accuracy on the test images (%)"),
        (loss, "loss", 1, "training loss"),
    ):
        for number, summary in enumerate(summaries):
            curves = [[scale * row[key] for row in result["log"] if key in row] for result in summary.results.values()]
            for curve in curves:
                axes.plot(range(1, len(curve) + 1), curve, color=f"C{number}", alpha=0.25, linewidth=0.8)
            sound = [
                curve for curve, result in zip(curves, summary.results.values(), strict=True) if not result["exploded"]
            ]
            average = [mean(values) for values in zip(*sound, strict=False)]
            axes.plot(range(1, len(average) + 1), average, color=f"C{number}", marker=".", label=summary.row.name)
        axes.set(xlabel="epoch", ylabel=label)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure
