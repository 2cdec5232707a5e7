"""The picture of a table: our figures beside the paper's, or curves by epoch."""

import itertools
import math
import pathlib
import textwrap
from collections.abc import Sequence

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

    Args:
        table: The table.
        summaries: Its rows' summaries.
        path: The file.
        scale: The scale, which the title tells unless it is the paper's.
    """
    figure = _curves(summaries) if table.curves else _points(table.columns[0], summaries)
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
    return any(result.get("roc") for each in summaries for result in each.results.values())


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
    for number, each in enumerate(summaries):
        rocs = [result["roc"] for result in each.results.values() if result.get("roc")]
        curves = [[100 * share for share in roc["found"]] for roc in rocs]
        for curve in curves:
            axes.plot(_percents(curve), curve, color=f"C{number}", alpha=0.25, linewidth=0.8)
        if curves:
            average = [mean(values) for values in zip(*curves, strict=True)]
            label = f"{each.row.name}, area {mean(each.values('auc')):.1f}%"
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


def _points(column: str, summaries: Sequence[Summary]) -> Figure:
    groups = [list(rows) for _, rows in itertools.groupby(summaries, key=lambda each: each.row.group)]
    across = min(2, len(groups))
    down = math.ceil(len(groups) / across)
    height = 0.9 + down * (0.8 + ROW * max(map(len, groups)))
    figure = Figure(figsize=(6 * across, max(2.6, height)), layout="constrained")
    for axes, rows in itertools.zip_longest(figure.subplots(down, across, squeeze=False).flat, groups):
        if rows is None:
            axes.set_axis_off()
            continue
        places = range(len(rows))
        papers = [each.row.paper.get(column) for each in rows]
        _bars(axes, places, [(p.mean, p.deviation or 0.0) if p else None for p in papers], "paper", "0.6", "s", 0.15)
        ours = [(mean(v), 0.0 if len(v) < 2 else deviation(v)) if (v := each.values(column)) else None for each in rows]
        _bars(axes, places, ours, "here", "tab:blue", "o", -0.15)
        for place, each in zip(places, rows, strict=True):
            if each.exploded:
                axes.annotate("exploded", (0.99, place), xycoords=("axes fraction", "data"), ha="right", va="center")
        axes.set_yticks(places, [each.row.name for each in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set(title=rows[0].row.group, xlabel=f"{column} (%)")
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    return figure


def _bars(axes, places, figures, label: str, color: str, marker: str, offset: float) -> None:
    drawn = [(place, *each) for place, each in zip(places, figures, strict=True) if each and not math.isnan(each[0])]
    if drawn:
        where, middle, spread = zip(*drawn, strict=True)
        shifted = [place - offset for place in where]
        axes.errorbar(middle, shifted, xerr=spread, fmt=marker, color=color, capsize=2, label=label)


def _curves(summaries: Sequence[Summary]) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    accuracy, loss = figure.subplots(1, 2)
    for axes, key, scale, label in (
        (accuracy, "val_accuracy", 100, "accuracy on the test images (%)"),
        (loss, "loss", 1, "training loss"),
    ):
        for number, each in enumerate(summaries):
            curves = [[scale * row[key] for row in result["log"] if key in row] for result in each.results.values()]
            for curve in curves:
                axes.plot(range(1, len(curve) + 1), curve, color=f"C{number}", alpha=0.25, linewidth=0.8)
            sound = [
                curve for curve, result in zip(curves, each.results.values(), strict=True) if not result["exploded"]
            ]
            average = [mean(values) for values in zip(*sound, strict=False)]
            axes.plot(range(1, len(average) + 1), average, color=f"C{number}", marker=".", label=each.row.name)
        axes.set(xlabel="epoch", ylabel=label)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure
