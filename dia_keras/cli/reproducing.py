"""`dia-keras reproduce`: a table of the paper, trained here, beside the paper's own figures."""

import pathlib
import sys

import click
from click.core import ParameterSource

from .parameters.inputs import parse_change
from .parameters.options import data_dir_option, minutes_option
from .terminal.console import console, examples, make_table
from .terminal.errors import without_traceback
from .terminal.stopping import BUDGET_SPENT, exit_where_interrupted

RUNS = pathlib.Path("runs", "reproduce")


def _replacements(values: tuple[str, ...]) -> dict[str, str]:
    """Returns the networks that `OLD=NEW`, repeated, puts in place of others."""
    for value in values:
        if "=" not in value:
            raise ValueError(f"`--network` takes OLD=NEW. Received: {value!r}")
    return dict(value.split("=", 1) for value in values)


def _paths(values: tuple[str, ...]) -> dict[str, str]:
    """Returns the paths that `NAME=PATH` gives data sets; a path alone is for all others, under an empty name.

    Raises:
        ValueError: Where a path is empty, which would be the current folder.
    """
    from ..reproduction.data_sets import DATA_SETS

    paths = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not (separator and name in DATA_SETS):  # a folder may have a data set's name
            name, path = "", value
        if not path:
            raise ValueError(f"`--data` takes [NAME=]PATH. Received: {value!r}, without a path")
        paths[name] = path
    return paths


@click.command(
    short_help="Train a table of the paper, and compare.",
    epilog=examples(
        "dia-keras reproduce --list",
        "dia-keras reproduce table4 --dry-run",
        "dia-keras reproduce table13 --seeds 3 --epochs 20 --network ResNet164=ResNet29",
        "dia-keras reproduce table4 --data cifar10=cifar10.npz --row '*dia-lstm*' --minutes 60",
        "dia-keras reproduce cost --network ResNet164=ResNet29 --set batch_size=16",
    ),
)
@click.argument("table", required=False)
@click.option("--list", "show_list", is_flag=True, help="Show all tables, and whether they can be run here.")
@click.option("--dry-run", is_flag=True, help="Show rows, epochs and hours on this machine, measured by a few steps.")
@click.option("--report", "only_report", is_flag=True, help="Train nothing: write the report of what is complete.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    help=f"Folder of the run, which processes and machines may share; default: {RUNS}/<table>.",
)
@click.option(
    "--seeds",
    type=int,
    help="Trainings of each row; of `cost`, timed steps; default: 15, the paper's, and 1 of figures 6 and 7.",
)
@click.option("--epochs", type=int, help="Epochs of a training, milestones moved alike; default: the paper's.")
@click.option("--network", multiple=True, metavar="OLD=NEW", help="Take a smaller network: ResNet164=ResNet20-basic.")
@click.option("--image-size", type=int, help="Height and width of the images; default: the data set's.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field of all recipes.")
@click.option("--smoke", is_flag=True, help="Two steps a training only, to see that it runs.")
@click.option("--row", "rows", multiple=True, metavar="PATTERN", help="Train these rows only, by patterns like '*se*'.")
@click.option(
    "--data",
    "source",
    multiple=True,
    metavar="[NAME=]PATH",
    help="An .npz file or a folder of images, with boxes for Table 8, for the data set NAME or for all; default: TFDS.",
)
@data_dir_option
@minutes_option
@click.option(
    "--stale-after",
    "stale_hours",
    type=float,
    help="Take over trainings of other hosts without a sign of life for so many hours; default: never.",
)
@click.option("--keep-weights", is_flag=True, help="Keep the trained networks, as .keras files.")
@click.option(
    "--reuse",
    multiple=True,
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    metavar="FOLDER",
    help="Take over results of the same trainings from this run of another table, or all runs in this folder.",
)
@without_traceback
def reproduce(
    table: str | None,
    show_list: bool,
    dry_run: bool,
    only_report: bool,
    out: pathlib.Path | None,
    seeds: int | None,
    epochs: int | None,
    network: tuple[str, ...],
    image_size: int | None,
    changes: tuple[str, ...],
    smoke: bool,
    rows: tuple[str, ...],
    source: tuple[str, ...],
    data_dir: str | None,
    minutes: float | None,
    stale_hours: float | None,
    keep_weights: bool,
    reuse: tuple[pathlib.Path, ...],
) -> None:
    """Train TABLE of the paper, at its own scale or a smaller one, and write it beside the paper's figures.

    Called again, it goes on where it stopped. Called several times at once, on one machine or on several that share the
    folder, it shares out the trainings.

    The exit code is 0 when all trainings are complete, 3 when some are not, and 130 or 143 when Ctrl-C or SIGTERM
    stopped it. It is 1 after an error.
    """
    from .. import reproduction
    from ..reproduction.data_sets import Sources
    from ..reproduction.report.statistics import check_scipy

    sources = Sources(_paths(source), data_dir)
    if show_list:
        _show_list(sources)
        return
    if table is None:
        raise ValueError("`table` must be one that `dia-keras reproduce --list` shows. Received: none")
    chosen_table = reproduction.read_table(table)
    scale = reproduction.Scale(
        epochs=epochs,
        networks=_replacements(network),
        image_size=image_size,
        recipe=dict(parse_change(change) for change in changes),
        is_smoke=smoke,
        seeds=chosen_table.seeds if seeds is None else seeds,
    )
    directory = out or RUNS / (f"{table}_smoke" if smoke else table)
    if chosen_table.is_timed:
        _check_options(
            table, "timed", "epochs", "minutes", "source", "data_dir", "stale_hours", "keep_weights", "reuse"
        )
        costs = reproduction.measure_cost(chosen_table, scale=scale, rows=rows, say=console.print)
        console.print(f"Report: {reproduction.write_cost_report(chosen_table, costs, directory, scale)}")
        return
    if chosen_table.drawing and not chosen_table.is_trained:
        _check_options(table, "drawn", "seeds", "epochs", "rows", "minutes", "stale_hours", "keep_weights", "reuse")
        console.print(f"Wrote {reproduction.write_drawing(chosen_table, directory, scale, sources)}")
        return
    if dry_run:
        _show_estimate(reproduction.estimate(chosen_table, scale=scale, sources=sources, rows=rows, say=console.print))
        return
    check_scipy()
    if only_report and rows:
        raise click.UsageError("`--report` is of all rows that are complete, so it does not take `--row`.")
    if only_report:
        _write_report(chosen_table, directory, scale, sources)
        return
    with exit_where_interrupted():
        progress = reproduction.reproduce(
            chosen_table,
            directory,
            scale=scale,
            sources=sources,
            rows=rows,
            minutes=minutes,
            stale_hours=stale_hours,
            keep_weights=keep_weights,
            reuse=reuse,
            say=console.print,
        )
    console.print(f"{progress.complete} of {progress.all} trainings are complete.")
    if progress.complete:
        _write_report(chosen_table, directory, scale, sources)
    if progress.complete < progress.all:
        elsewhere = f"Other processes are at {progress.elsewhere} of the others. " if progress.elsewhere else ""
        console.print(f"{elsewhere}Run the same command again to go on.")
        sys.exit(BUDGET_SPENT)


def _check_options(table: str, how: str, *others: str) -> None:
    """Raises an error where options are given that a table does not take, since it is not trained."""
    context = click.get_current_context()
    options = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    for name in ("dry_run", "only_report", *others):
        if context.get_parameter_source(name) != ParameterSource.DEFAULT:
            raise click.UsageError(f"{table} is {how}, not trained, so it does not take {options[name]}.")


def _write_report(table, directory: pathlib.Path, scale, sources) -> None:
    """Writes the report of what is complete, and the drawing of the networks that are there, if the table has one."""
    from .. import reproduction

    console.print(f"Report: {reproduction.write_report(table, directory, scale)}")
    if table.drawing:
        console.print(f"Wrote {reproduction.write_drawing(table, directory, scale, sources)}")


def _show_list(sources) -> None:
    from ..reproduction import read_table, table_names
    from ..reproduction.data_sets import DATA_SETS, missing
    from ..reproduction.runner import state

    shown = make_table("TABLE", "what it shows", "rows", "state")
    for name in table_names():
        table = read_table(name)
        shown.add_row(name, table.title, str(len(table.rows) or ""), state(table, sources, RUNS / name))
    console.print(shown)
    for problem in filter(None, (missing(name, sources) for name in DATA_SETS)):
        console.print(problem)


def _show_estimate(estimates) -> None:
    from ..host import device_name

    shown = make_table("group", "rows", "trainings", "epochs", "measured", "minutes each", "hours")
    for estimate in estimates:
        minutes = f"{estimate.seconds_per_training / 60:.1f}"
        counts = [str(len(estimate.rows)), str(estimate.trainings), str(estimate.epochs)]
        shown.add_row(estimate.group, *counts, estimate.measured, minutes, f"{estimate.hours:.1f}")
    console.print(shown)
    for estimate in estimates:
        console.print(f"{estimate.group}: {', '.join(estimate.rows)}")
    hours = sum(estimate.hours for estimate in estimates)
    console.print(f"{hours:.1f} hours ({hours / 24:.1f} days) on {device_name()}, one training after the other.")
