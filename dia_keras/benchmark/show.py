"""Measurements as a table, a plot and a file."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from ..figure_text import SOFTWARE, as_is
from ..files import staged, write_json
from ..host import describe_run
from .turns import Measurement


def table(measurements: Sequence[Measurement]) -> Table:
    """Returns measurements as a table for the terminal."""
    columns = ("network", "runtime", "batch", "threads", "ms", "images/s", "ratio")
    shown = Table(*(Column(column, overflow="fold") for column in columns))
    for measurement in measurements:
        shown.add_row(
            measurement.network,
            measurement.runtime,
            str(measurement.batch_size),
            str(measurement.threads or "all"),
            f"{measurement.milliseconds:.2f}",
            f"{measurement.images_per_second:.0f}",
            f"{measurement.ratio:.3f}",
        )
    return shown


def plot(measurements: Sequence[Measurement], path: Path) -> None:
    """Draws images per second, a panel for each batch size and number of threads, to a PNG."""
    from matplotlib.figure import Figure

    panels: dict[tuple[int, int], list[Measurement]] = {}
    for measurement in measurements:
        panels.setdefault((measurement.batch_size, measurement.threads or 0), []).append(measurement)
    groups = list(panels.values())
    bars = sum(map(len, groups))
    figure = Figure(figsize=(8, 1 + 0.35 * bars + 0.6 * len(groups)), layout="constrained")
    rows = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[len(group) for group in groups])
    for (axes,), group in zip(rows, groups, strict=True):
        names = [f"{as_is(measurement.network)} ({measurement.runtime})" for measurement in group]
        colors = ["tab:gray" if measurement.network == measurement.base else "tab:blue" for measurement in group]
        drawn = axes.barh(names, [measurement.images_per_second for measurement in group], color=colors)
        axes.bar_label(drawn, [f"{measurement.ratio:.2f}" for measurement in group], padding=3, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.1, y=0.01)
        axes.set_title(f"batch {group[0].batch_size}, threads {group[0].threads or 'all'}", fontsize=9)
        axes.tick_params(labelsize=8)
    rows[-1][0].set_xlabel("images per second; at the bars, time as a ratio to the plain net's", fontsize=9)
    with staged(path) as new:
        figure.savefig(new, dpi=120, format="png", metadata={"Software": SOFTWARE})


def record(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Returns measurements, and what they were made on, as JSON has them."""
    return {"measurements": [dataclasses.asdict(measurement) for measurement in measurements], "run": describe_run()}


def save(measurements: Sequence[Measurement], path: Path) -> None:
    """Writes measurements, and what they were made on, to a JSON file."""
    write_json(path, record(measurements))
