"""`dia-keras train`: a training by a recipe, or from an entry's weights."""

import contextlib
import pathlib
import tempfile

import click

from .fine_tuning import run as fine_tune
from .parameters.inputs import parse_change
from .parameters.options import Resize, complete_entry, data_options, minutes_option, resize_option
from .terminal.console import console, examples
from .terminal.errors import without_traceback
from .terminal.stopping import complete, exit_where_interrupted


@click.command(
    short_help="Train an entry by a recipe.",
    epilog=examples(
        "dia-keras train zoo/recipes/one_cycle_cpu.py --entry dia_resnet20_cifar10",
        "dia-keras train zoo/recipes/one_cycle_gpu.py --minutes 28 --fit",
        "dia-keras train zoo/recipes/paper_resnet.py --set epochs=10 --set milestones='(5, 8)' --smoke",
        "dia-keras train zoo/recipes/progressive_cpu.py --from dia_resnet164_cifar100",
        "dia-keras train --data chest_xray --from dia_resnet20_cifar100 --freeze 1 --out runs/xray",
    ),
)
@click.argument("recipe", required=False, type=click.Path(dir_okay=False, path_type=pathlib.Path))
@click.option(
    "--from",
    "start",
    shell_complete=complete_entry,
    help="Start from the weights of this entry, or from a weights file of the entry itself. Without a RECIPE, "
    "fine-tune the entry on --data: `dia-keras fine-tune` with its defaults.",
)
@click.option(
    "--freeze", type=click.IntRange(0), help="Without a RECIPE: stages that keep their weights; default: none."
)
@click.option("--entry", shell_complete=complete_entry, help="Zoo entry to train, in place of the recipe's own.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    help="Folder of the run; default: runs/<entry>; for --smoke, one that is removed.",
)
@minutes_option
@click.option("--fit", "fit_to_minutes", is_flag=True, help="Lower the number of epochs to what --minutes allows.")
@click.option("--smoke", is_flag=True, help="Two steps only, to see that the recipe runs.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field of the recipe.")
@data_options
@resize_option
@without_traceback
def train(
    recipe: pathlib.Path | None,
    start: str | None,
    freeze: int | None,
    entry: str | None,
    out: pathlib.Path | None,
    minutes: float | None,
    fit_to_minutes: bool,
    smoke: bool,
    changes: tuple[str, ...],
    source: str | None,
    data_dir: str | None,
    resize: Resize | None,
) -> None:
    """Train a zoo entry by the file RECIPE; called again, go on where the run stopped.

    The exit code is 0 when the training is complete, 3 when the budget is spent before, and 130 or 143 when Ctrl-C or
    SIGTERM stopped it; in all these cases there is a checkpoint. It is 1 after an error.

    With --from and --data, but no RECIPE, fine-tune an entry on images of any classes. `dia-keras fine-tune` does
    the same, and has an option for all that can be chosen.
    """
    if start and recipe is None:
        if entry or changes or minutes is not None or fit_to_minutes or smoke or not source:
            raise click.UsageError(
                "Without a RECIPE, `--from` takes `--data`, `--freeze`, `--out`, `--data-dir` and `--resize` only."
            )
        fine_tune(source, out, data_dir=data_dir, resize=resize, entry=start, freeze=freeze or 0)
        return
    if recipe is None:
        raise click.UsageError("Give a RECIPE, or --data and --from with the entry to fine-tune.")
    if freeze is not None:
        raise click.UsageError("`--freeze` is for `--from` without a RECIPE.")
    from ..training import load_recipe
    from ..training import train as train_entry

    values = dict(parse_change(change) for change in changes)
    if entry:
        values["entry"] = entry
    if start:
        values["initial_weights"] = start
    loaded = load_recipe(recipe, **values)
    is_temporary = smoke and not out
    with tempfile.TemporaryDirectory() if is_temporary else contextlib.nullcontext() as folder:
        directory = pathlib.Path(folder) if folder else out or pathlib.Path("runs", loaded.entry)
        with exit_where_interrupted():
            trained = train_entry(
                loaded,
                directory,
                source=source,
                data_dir=data_dir,
                resize=resize,
                minutes=minutes,
                fit_to_minutes=fit_to_minutes,
                is_smoke=smoke,
            )
        weights = complete(trained, directory)
    if is_temporary:
        console.print("The recipe runs, from the data to the weights. What the two steps wrote is removed.")
    else:
        console.print(f"Training is complete: {weights}; curves in {directory / 'curves.png'}")
