"""Draws `zoo/records/accuracy.png`, top-1 against parameters, ours and published ones: part of `make tables`."""

import itertools
import pathlib
import tomllib
from typing import NamedTuple

import click
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from dia_keras import zoo
from dia_keras.files import staged

RECORDS = pathlib.Path(__file__).resolve().parents[1] / "records"
PLOT = RECORDS / "accuracy.png"
DATASETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
STYLES = {
    "ours": {"color": "tab:blue", "marker": "o"},
    "paper (best epoch)": {"color": "tab:gray", "marker": "x"},
    "best published": {"color": "tab:red", "marker": "^"},
}

MARKER = 8  # width of a point, in pixels of the figure


class Point(NamedTuple):
    """An accuracy: of which network, whose it is (a key of `STYLES`), number of parameters, top-1 in percent."""

    network: str
    whose: str
    parameters: int
    top1: float


def points(dataset: str) -> list[Point]:
    """Returns the points of a data set: our entries with weights, and what is published of any of the zoo's."""
    published = tomllib.loads((RECORDS / "published.toml").read_text())
    known = []
    for name in zoo.list_models(f"*_{dataset}"):
        card, other = zoo.card(name), published.get(name, {})
        figures = {"paper (best epoch)": other.get("paper"), "best published": other.get("best")}
        if card.metrics:
            figures["ours"] = card.metrics.top1
        network = name.removesuffix(f"_{dataset}")
        known += [Point(network, whose, card.parameters, top1) for whose, top1 in figures.items() if top1]
    return known


def _write_names(axes: Axes, known: list[Point]) -> None:
    """Writes the name of every point beside it, in its color, free of other names and points where there is room."""
    places = axes.transData.transform([(point.parameters, point.top1) for point in known])
    taken = [Bbox.from_bounds(x - MARKER / 2, y - MARKER / 2, MARKER, MARKER) for x, y in places]
    for point, own in zip(known, list(taken), strict=True):
        others = [box for box in taken if box is not own]
        sides, heights = ((5, "left"), (-5, "right")), (3, -8, 11, -16, 19, -24)
        for y, (x, side) in itertools.product(heights, sides):
            name = axes.annotate(
                point.network,
                (point.parameters, point.top1),
                (x, y),
                textcoords="offset points",
                fontsize=7,
                color=STYLES[point.whose]["color"],
                horizontalalignment=side,
                in_layout=False,
            )
            box = name.get_window_extent()
            if not box.count_overlaps(others) or (side, y) == ("right", heights[-1]):
                break
            name.remove()
        taken.append(box)


def draw() -> Figure:
    """Returns the figure, a panel for each data set."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, (dataset, title) in zip(figure.subplots(1, len(DATASETS)), DATASETS.items(), strict=True):
        known = points(dataset)
        for whose, style in STYLES.items():
            mine = [point for point in known if point.whose == whose]
            axes.scatter([p.parameters for p in mine], [p.top1 for p in mine], label=whose, zorder=2, **style)
        axes.set(xscale="log", xlabel="parameters", ylabel="top-1 (%)", title=title)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e6:g} M"))
        axes.margins(x=0.1)
        left, right = axes.get_xlim()
        axes.set_xlim(left / 2, 10 * right)  # room for the names
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right", fontsize=8)
    figure.draw_without_rendering()  # names find their places in the final layout
    for axes, dataset in zip(figure.axes, DATASETS, strict=True):
        _write_names(axes, points(dataset))
    return figure


@click.command(help=__doc__)
def main() -> None:
    with staged(PLOT) as new:
        draw().savefig(new, dpi=110, format="png")


if __name__ == "__main__":
    main()
