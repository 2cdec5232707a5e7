"""The picture of a run: losses, and accuracies, over its epochs."""

import pathlib
from collections.abc import Mapping, Sequence

from ...figure_text import as_is
from ...files import staged
from .log import read_log

#: Of a line, the column of the log by its label.
Lines = Mapping[str, str]


def plot_curves(log: pathlib.Path, picture: pathlib.Path, title: str) -> None:
    """Plots loss and accuracy over the epochs of a `log.csv` into a PNG; says so where matplotlib is missing.

    Args:
        log: CSV with the columns `epoch`, `loss`, `accuracy` and, where images were held out, `val_loss` and
            `val_accuracy`.
        picture: Path of the PNG.
        title: Title of the plot.
    """
    panels: list[tuple[str, float, Lines]] = [
        (label, scale, {"training, augmented": column, "held out": f"val_{column}"})
        for label, scale, column in (("loss", 1, "loss"), ("accuracy (%)", 100, "accuracy"))
    ]
    _plot(read_log(log), picture, title, panels)


def plot_losses(log: pathlib.Path, picture: pathlib.Path, title: str) -> None:
    """Plots the loss and its parts over the epochs of a `log.csv` into a PNG; says so where matplotlib is missing.

    Args:
        log: CSV with the columns `epoch`, `loss` and others whose names end in `loss`.
        picture: Path of the PNG.
        title: Title of the plot.
    """
    rows = read_log(log)
    columns = [name for name in (rows[0] if rows else ()) if name.endswith("loss") and not name.startswith("val_")]
    _plot(rows, picture, title, [("loss", 1, {column.replace("_", " "): column for column in columns})])


def _plot(
    rows: Sequence[Mapping[str, float]],
    picture: pathlib.Path,
    title: str,
    panels: Sequence[tuple[str, float, Lines]],
) -> None:
    """Plots lines, where the log has their columns, in panels, each with its label and a factor."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        print(f"{picture.name} is not drawn: matplotlib is not installed")
        return

    if not rows:
        return  # the training stopped within its first epoch
    epochs = [int(row["epoch"]) + 1 for row in rows]
    figure = Figure(figsize=(9 if len(panels) > 1 else 6, 3.6), layout="constrained")
    figure.suptitle(as_is(title))
    for axes, (label, scale, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, column in lines.items():
            if column in rows[0]:
                axes.plot(epochs, [scale * row[column] for row in rows], label=name, marker=".")
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    with staged(picture) as new:
        figure.savefig(new, dpi=120, format="png")
