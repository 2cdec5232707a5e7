"""The picture of a run."""

import csv
import pathlib

from ...figure_text import as_is
from ...files import staged


def plot_curves(log: pathlib.Path, picture: pathlib.Path, title: str) -> None:
    """Plots loss and accuracy over the epochs of a `log.csv` into a PNG; says so where matplotlib is missing.

    Args:
        log: CSV with the columns `epoch`, `loss`, `accuracy` and, where images were held out, `val_loss` and
            `val_accuracy`.
        picture: Path of the PNG.
        title: Title of the plot.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        print(f"{picture.name} is not drawn: matplotlib is not installed")
        return

    rows = list(csv.DictReader(log.read_text().splitlines())) if log.exists() else []
    if not rows:
        return  # the training stopped within its first epoch
    epochs = [int(row["epoch"]) + 1 for row in rows]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    figure.suptitle(as_is(title))
    for axes, key, label, scale in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), ("loss", "accuracy (%)"), (1, 100), strict=True
    ):
        for prefix, name in (("", "training, augmented"), ("val_", "held out")):
            # The log has NA in the columns of a held-out set that is not there.
            if rows[0].get(prefix + key, "NA") != "NA":
                axes.plot(epochs, [scale * float(row[prefix + key]) for row in rows], label=name, marker=".")
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    with staged(picture) as new:
        figure.savefig(new, dpi=120, format="png")
