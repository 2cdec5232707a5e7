"""Trains and measures one row of a campaign, or goes on with it: the process that `zoo/campaign.py` starts for a row.

What is done is what the row's folder holds: `speed.json`, then what `dia_keras.training.train` writes, at last
`result.json`, the accuracy on the test set. Where too few epochs fit, `left.txt` says so, and nothing is trained.
"""

import dataclasses
import json
import os
import pathlib
import shlex
import threading
import time

import click

from dia_keras import zoo
from dia_keras.files import write_json, write_text
from dia_keras.host import describe_run
from dia_keras.training import Recipe, load_recipe, train
from dia_keras.training.evaluation import evaluate_entry
from dia_keras.training.recipe_file import smoke
from dia_keras.training.runs.epochs_that_fit import Speed, epochs_in, with_epochs
from dia_keras.training.runs.run import speeds
from dia_keras.training.steps.xla_cache import keep_compiled_programs

#: Test images of a rehearsal.
FEW = 100


def rehearsed(recipe: Recipe) -> Recipe:
    """Returns a recipe of four epochs, or one a phase, of four steps each."""
    short = smoke(recipe).replace(batch_size=16, images=64)
    return short if short.phases else short.replace(epochs=4)


def chosen(
    recipe: Recipe, run: pathlib.Path, source: pathlib.Path | None, seconds: float, least_epochs: int
) -> Recipe | None:
    """Returns a recipe with the epochs that a run has, or that fit into the seconds; `None` where those are too few."""
    record = run / "recipe.json"
    if record.exists():
        return with_epochs(recipe, Recipe.from_json(json.loads(record.read_text())).epochs)
    began = time.monotonic()
    if not (run / "speed.json").exists():
        write_json(run / "speed.json", {"phases": [speed._asdict() for speed in speeds(recipe, source)]})
    measured = [Speed(**speed) for speed in json.loads((run / "speed.json").read_text())["phases"]]
    fitting = epochs_in(seconds - (time.monotonic() - began), recipe, measured)
    if fitting < min(least_epochs, recipe.epochs):
        write_text(run / "left.txt", f"for a later call: {fitting} epochs fit, fewer than {least_epochs}")
        return None
    return with_epochs(recipe, fitting)


def command_of(path: str, name: str, recipe: Recipe) -> str:
    """Returns the command that trains a recipe's epochs anywhere, which a card has in place of this process's own."""
    whole, mine = (dataclasses.asdict(version) for version in (load_recipe(path, entry=name), recipe))
    changes = [f"{field}={value!r}" for field, value in mine.items() if value != whole[field]]
    return shlex.join(["python", "zoo/train.py", path, "--entry", name, *(f"--set={change}" for change in changes)])


def end_with(parent: int) -> None:
    """Ends this process once its parent is gone, so that no two processes ever train the same row."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@click.command(help=__doc__)
@click.argument("name")
@click.option("--recipe", "path", required=True)
@click.option("--run", required=True, type=click.Path(file_okay=False, path_type=pathlib.Path))
@click.option("--data", type=click.Path(file_okay=False, path_type=pathlib.Path))
@click.option("--seconds", required=True, type=float, help="Time until the call's end.")
@click.option("--fit-seconds", required=True, type=float, help="Time that the epochs are fitted to.")
@click.option("--least-epochs", required=True, type=int)
@click.option("--rehearsal", is_flag=True)
def main(name, path, run, data, seconds: float, fit_seconds: float, least_epochs: int, rehearsal: bool):
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    end = time.monotonic() + seconds
    keep_compiled_programs()
    whole = load_recipe(path, entry=name)
    run.mkdir(parents=True, exist_ok=True)
    source = data / f"{zoo.card(name).dataset.name}.npz" if data else None
    if source and not source.exists():
        write_text(run / "left.txt", f"for a later call: {source.name} is not there yet")
        return
    final = run / "final.weights.h5"
    recipe = chosen(rehearsed(whole) if rehearsal else whole, run, source, fit_seconds, least_epochs)
    if recipe is None:
        return
    print(f"{name}: {recipe.epochs} epochs", flush=True)
    minutes = (end - time.monotonic()) / 60
    if not final.exists() and (minutes <= 0 or train(recipe, run, source=source, minutes=minutes) is None):
        return  # for the next call
    run_record = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", {**run_record, "command": command_of(path, name, recipe)})
    result = evaluate_entry(name, final, source, images=FEW if rehearsal else None)
    print(f"{name}: {100 * result.top1:.2f}% of {result.images} test images", flush=True)
    write_json(run / "result.json", {**dataclasses.asdict(result), "run": describe_run()})


if __name__ == "__main__":
    main()
