"""Draws `zoo/records/accuracy.png`, top-1 against parameters, ours and published ones: part of `make tables`."""

import math
import pathlib
import tomllib
from typing import NamedTuple

import click
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

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


class Point(NamedTuple):
    """An accuracy: of which network, whose it is (a key of `STYLES`), number of parameters, top-1 in percent."""

    network: str
    whose: str
    parameters: int
    top1: float


def points(dataset: str) -> list[Point]:
    """Returns the points of a data set: our entries with weights, and what is published of any of the zoo's."""
    published = tomllib.loads((RECORDS / "published.toml").read_text())
    found = []
    for name in zoo.list_models(f"*_{dataset}"):
        card, other = zoo.card(name), published.get(name, {})
        figures = {"paper (best epoch)": other.get("paper"), "best published": other.get("best")}
        if card.metrics:
            figures["ours"] = card.metrics.top1
        network = name.removesuffix(f"_{dataset}")
        found += [Point(network, whose, card.parameters, top1) for whose, top1 in figures.items() if top1]
    return found


def _is_over(other: Point, point: Point) -> bool:
    """Returns whether another point would be in the way of a name above this one."""
    return 0 < other.top1 - point.top1 < 1 and abs(math.log10(other.parameters / point.parameters)) < 0.5


def draw() -> Figure:
    """Returns the figure, a panel for each data set."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, (dataset, title) in zip(figure.subplots(1, len(DATASETS)), DATASETS.items(), strict=True):
        known = points(dataset)
        for whose, style in STYLES.items():
            mine = [point for point in known if point.whose == whose]
            axes.scatter([p.parameters for p in mine], [p.top1 for p in mine], label=whose, zorder=2, **style)
        for point in known:
            offset = 5, -8 if any(_is_over(other, point) for other in known) else 3
            axes.annotate(point.network, (point.parameters, point.top1), offset, textcoords="offset points", fontsize=7)
        axes.set(xscale="log", xlabel="parameters", ylabel="top-1 (%)", title=title)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e6:g} M"))
        axes.margins(x=0.1)
        axes.set_xlim(right=10 * axes.get_xlim()[1])  # room for the names
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right", fontsize=8)
    return figure


@click.command(help=__doc__)
def main() -> None:
    with staged(PLOT) as new:
        draw().savefig(new, dpi=110, format="png")


if __name__ == "__main__":
    main()
