"""Measures a zoo entry on its whole test set; with a run, ships the run's weights.

    python zoo/tools/evaluate.py dia_resnet20_cifar100 --data-dir ~/tensorflow_datasets
    python zoo/tools/evaluate.py dia_resnet20_cifar100 --run runs/dia_resnet20_cifar100 --data-dir ~/tensorflow_datasets

With `--run`, the final weights of a complete run are loaded through `zoo.load` and measured; then they are copied to
where `zoo.load` finds them, the run's log goes to `zoo/records/logs`, accuracies class by class to
`zoo/records/results`, and weights and figures onto the card. `make tables` then brings README and RESULTS up to date.
"""

import dataclasses
import json
import pathlib
import re
import shutil
from typing import Any

import click

from dia_keras import zoo
from dia_keras.cli import data_options, show_evaluation, without_traceback
from dia_keras.files import staged, write_json
from dia_keras.host import describe_run
from dia_keras.training import Evaluation
from dia_keras.training.evaluation import evaluate_entry
from dia_keras.zoo.cards import describe, update_card
from dia_keras.zoo.files.reading import SUFFIXES

ZOO = pathlib.Path(__file__).resolve().parents[1]
RECORDS = ZOO / "records"
PACKAGED = ZOO.parent / "dia_keras" / "zoo" / "weights"
#: Weights up to this size travel in the wheel, since they have no address on the web yet; larger ones lie beside it.
PACKAGED_BYTES = 32 << 20
FINAL = "final.weights.h5"
LOGS = ("recipe.json", "run.json", "log.csv", "curves.png", "teachers.json", "initial_weights.json")


def check_run(name: str, run: pathlib.Path) -> pathlib.Path:
    """Returns the final weights of a run that may be shipped: a complete one of this entry, on all images."""
    final = run / FINAL
    if not final.is_file():
        raise ValueError(f"`--run` must be the folder of a complete run. Received: {run}, without {final.name}")
    recipe = json.loads((run / "recipe.json").read_text())
    if recipe["entry"] != name:
        raise ValueError(f"`--run` must be a run of {name}. Received: {run}, a run of {recipe['entry']}")
    if recipe.get("images") or recipe["held_out"]:
        raise ValueError(f"`--run` must have trained on all images. Received: {run}, a trial on fewer")
    return final


def start_of(run: pathlib.Path) -> dict[str, Any]:
    """Returns what a card tells of the weights that a run started from; nothing where it started from none.

    Raises:
        ValueError: Where they are no longer those that the entry has, or those of a file whose training is unknown.
    """
    start = json.loads((run / "recipe.json").read_text()).get("initial_weights")
    if start is None:
        return {}
    started = json.loads((run / "initial_weights.json").read_text())
    if start.endswith(SUFFIXES):
        recipe = pathlib.Path(start).parent / "recipe.json"
        if not recipe.is_file():
            raise ValueError(
                f"`--run` must have started from weights with a recipe.json beside them. Received: {start}"
            )
        if describe(pathlib.Path(start)).sha256 != started[start]:
            raise ValueError(f"`--run` must have started from the weights that {start} has now. Received: from others")
        before = start_of(recipe.parent).get("epochs_before", 0) + epochs_of(pathlib.Path(start))
        return {"started_from": pathlib.Path(start).name, "epochs_before": before}
    card = zoo.card(start)
    assert card.weights is not None and card.metrics is not None
    final = run / FINAL  # a snapshot does not have it
    if final.is_file() and card.weights.sha256 == describe(final).sha256:  # it was shipped before
        return {key: card.metrics.details[key] for key in ("started_from", "epochs_before")}
    if card.weights.sha256 != started[start]:
        raise ValueError(f"`--run` must have started from the weights that {start} has now. Received: from others")
    return {"started_from": start, "epochs_before": card.metrics.epochs + card.metrics.details.get("epochs_before", 0)}


def epochs_of(weights: pathlib.Path) -> int:
    """Returns how many epochs a weights file has trained for in its run: all, or as many as the log of a snapshot has.

    A run's log and recipe lie beside the file.
    """
    if weights.name == FINAL:
        return json.loads((weights.parent / "recipe.json").read_text())["epochs"]
    return len((weights.parent / "log.csv").read_text().splitlines()) - 1


def recipe_of(command: str) -> str:
    """Returns the name of the recipe in `zoo/recipes` that a command trained by.

    Raises:
        ValueError: Where it names none.
    """
    names = re.findall(r"(\w+)\.py", command)
    known = [name for name in names if (ZOO / "recipes" / f"{name}.py").is_file()]
    if not known:
        raise ValueError(f"`--run` must have trained by a recipe in zoo/recipes. Received: {command}")
    return known[0]


def keep_logs(name: str, run: pathlib.Path, logs: pathlib.Path) -> None:
    """Puts the logs of a run in place, in one step. Those of the weights it started from become its folder `start`.

    When a call that was cut is made again, it finds the logs in place and leaves them.
    """
    files = {file: (run / file).read_bytes() for file in LOGS if (run / file).exists()}
    if all((logs / file).is_file() and (logs / file).read_bytes() == content for file, content in files.items()):
        return
    recipe, card = json.loads(files["recipe.json"]), zoo.card(name)
    if card.weights and card.weights.sha256 == describe(run / FINAL).sha256:  # it was shipped before
        start = logs / "start"
    else:
        start = logs if recipe.get("initial_weights") == name else None
    logs.parent.mkdir(parents=True, exist_ok=True)
    with staged(logs) as new:
        new.mkdir()
        if start and start.is_dir():
            shutil.copytree(start, new / "start")
        for file, content in files.items():
            (new / file).write_bytes(content)


def ship(name: str, run: pathlib.Path, result: Evaluation) -> None:
    """Puts weights, log, results and card of a measured run in place."""
    final = run / FINAL
    recipe, training = (json.loads((run / file).read_text()) for file in ("recipe.json", "run.json"))
    start, trained_by = start_of(run), recipe_of(training["command"])
    share = recipe.get("initial_share", 0)
    measured = f"the average of the last epoch and the start ({share:.0%})" if share else "last epoch"
    folder = PACKAGED if final.stat().st_size <= PACKAGED_BYTES else ZOO / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{name}.weights.h5"
    with staged(weights) as new:
        shutil.copyfile(final, new)
    keep_logs(name, run, RECORDS / "logs" / name)
    metrics = {
        "top1": round(100 * result.top1, 2),
        "top5": round(100 * result.top5, 2),
        "epochs": recipe["epochs"],
        "seed": recipe["seed"],
        "hardware": training["device"],
        "command": training["command"],
        "log": f"zoo/records/logs/{name}/log.csv",
        "minutes": training["minutes"],
        "evaluated": f"the whole test set, {measured}, no test-time augmentation",
        **start,
    }
    card = update_card(name, weights=weights, metrics=metrics, recipe=trained_by)
    assert card.weights is not None
    (RECORDS / "results").mkdir(exist_ok=True)
    results = {"entry": name, "weights_sha256": card.weights.sha256, **dataclasses.asdict(result)}
    write_json(RECORDS / "results" / f"{name}.json", {**results, "run": describe_run()})


@click.command()
@click.argument("name")
@click.option("--run", type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path), help="A run to ship.")
@click.option("--per-class/--no-per-class", default=True, show_default=True)
@data_options
@without_traceback
def main(name: str, run: pathlib.Path | None, per_class: bool, source: str | None, data_dir: str | None):
    """Measure the entry NAME on its whole test set."""
    weights = str(check_run(name, run)) if run else "pretrained"
    result = evaluate_entry(name, weights, source, data_dir)
    show_evaluation(name, result, per_class)
    if run:
        ship(name, run, result)


if __name__ == "__main__":
    main()
