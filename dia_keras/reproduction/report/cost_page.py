"""The report of what networks cost, beside the paper's figures."""

import csv
import dataclasses
import io
import os
import pathlib
from collections.abc import Sequence

from matplotlib.figure import Figure

from ...files import staged, write_json, write_text
from ...host import describe_run, device_name
from ..cost import RowCost
from ..scale import Scale
from ..table import Table
from .picture import entitle

#: The columns of the CSV file beside those of the row.
MEASURED = ("parameters", "multiply_adds", "batch_size", "inference", "training", "inference_slower", "training_slower")
#: The columns of the page.
HEAD = (
    *("row", "parameters", "paper", "multiply-adds", "batch"),
    *("inference (ms)", "slower", "paper", "training (ms)", "slower"),
)


def write_cost_report(
    table: Table, costs: Sequence[RowCost], directory: str | os.PathLike, scale: Scale | None = None
) -> pathlib.Path:
    """Writes `<table>.json`, `<table>.csv`, `<table>.md` and `<table>.png`.

    Args:
        table: The table.
        costs: What `measure_cost` found.
        directory: The folder; made if missing.
        scale: The scale at which it was found; by default the paper's.

    Returns:
        The path of the Markdown file.
    """
    folder = pathlib.Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"row": cost.row.name, **{name: getattr(cost, name) for name in MEASURED}} for cost in costs]
    record = dataclasses.asdict(scale or Scale())
    write_json(folder / f"{table.name}.json", {"scale": record, "rows": rows, "run": describe_run()})
    text = io.StringIO()
    writer = csv.DictWriter(text, ["row", *MEASURED, "inference_slower_paper"])
    writer.writeheader()
    for cost, values in zip(costs, rows, strict=True):
        paper = cost.row.paper.get("slower")
        writer.writerow({**values, "inference_slower_paper": "" if paper is None else paper.mean})
    write_text(folder / f"{table.name}.csv", text.getvalue())
    page = folder / f"{table.name}.md"
    write_text(page, _markdown(table, costs, scale or Scale()))
    with staged(folder / f"{table.name}.png") as new:
        _draw(table, costs, scale or Scale()).savefig(new, dpi=120, format="png")
    return page


def _markdown(table: Table, costs: Sequence[RowCost], scale: Scale) -> str:
    lines = [
        f"# {table.label}: {table.title}",
        "",
        f"Scale: {scale}. Measured on {device_name()}: medians of {1 if scale.is_smoke else scale.seeds} steps of each",
        "network, in turns. Multiply-adds are those of an image in convolutions and matrices.",
        "",
        *(f"- {note}" for note in table.notes),
        "",
        f"| {' | '.join(HEAD)} |",
        f"| --- |{' --: |' * (len(HEAD) - 1)}",
    ]
    for cost in costs:
        paper, reference = cost.row.paper.get("slower"), cost.row.reference
        cells = [
            cost.row.name,
            f"{cost.parameters / 1e6:.2f}M",
            f"{cost.row.parameters:.2f}M" if cost.row.parameters else "",
            f"{cost.multiply_adds / 1e6:.1f}M",
            str(cost.batch_size),
            f"{1e3 * cost.inference:.1f}",
            f"{cost.inference_slower:+.1f}%" if reference else "",
            f"{paper.mean:+.0f}%" if paper else "",
            f"{1e3 * cost.training:.1f}",
            f"{cost.training_slower:+.1f}%" if reference else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"![{table.label}]({table.name}.png)", ""])


def _draw(table: Table, costs: Sequence[RowCost], scale: Scale) -> Figure:
    """Draws how much slower the networks are than their references, beside the paper's figures."""
    shown = [cost for cost in costs if cost.row.reference] or list(costs)
    figure = Figure(figsize=(7, 1.6 + 0.6 * len(shown)), layout="constrained")
    axes = figure.subplots()
    places = range(len(shown))
    for name, offset, color in (("inference", -0.2, "tab:blue"), ("training", 0.2, "tab:orange")):
        values = [getattr(cost, f"{name}_slower") for cost in shown]
        axes.barh([place + offset for place in places], values, 0.36, color=color, label=f"{name}, here")
    printed = {place: cost.row.paper["slower"].mean for place, cost in enumerate(shown) if "slower" in cost.row.paper}
    if printed:
        axes.plot([*printed.values()], [place - 0.2 for place in printed], "s", color="0.3", label="inference, paper")
    axes.axvline(0, color="0.5", linewidth=0.8)
    axes.set_yticks(places, [cost.row.name for cost in shown])
    axes.invert_yaxis()
    axes.set(xlabel=f"longer than {costs[0].row.reference or costs[0].row.name} (%)")
    figure.legend(loc="outside lower center", ncols=3)
    entitle(figure, f"{table.label}: {table.title}", scale)
    return figure
