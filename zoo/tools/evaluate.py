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

import click

from dia_keras.cli import data_options, show_evaluation, without_traceback
from dia_keras.files import staged, write_json
from dia_keras.host import describe_run
from dia_keras.training import Evaluation
from dia_keras.training.entry_evaluation import evaluate_entry
from dia_keras.zoo.cards import update_card

ZOO = pathlib.Path(__file__).resolve().parents[1]
RECORDS = ZOO / "records"
PACKAGED = ZOO.parent / "dia_keras" / "zoo" / "weights"
#: Weights up to this size travel in the wheel, since they have no address on the web yet; larger ones lie beside it.
PACKAGED_BYTES = 32 << 20


def check_run(name: str, run: pathlib.Path) -> pathlib.Path:
    """Returns the final weights of a run that may be shipped: a complete one of this entry, on all images."""
    final = run / "final.weights.h5"
    if not final.is_file():
        raise ValueError(f"`--run` must be the folder of a complete run. Received: {run}, without {final.name}")
    recipe = json.loads((run / "recipe.json").read_text())
    if recipe["entry"] != name:
        raise ValueError(f"`--run` must be a run of {name}. Received: {run}, a run of {recipe['entry']}")
    if recipe.get("images") or recipe["held_out"]:
        raise ValueError(f"`--run` must have trained on all images. Received: {run}, a trial on fewer")
    return final


def ship(name: str, run: pathlib.Path, result: Evaluation) -> None:
    """Puts weights, log, results and card of a measured run in place."""
    final = run / "final.weights.h5"
    recipe, training = (json.loads((run / file).read_text()) for file in ("recipe.json", "run.json"))
    folder = PACKAGED if final.stat().st_size <= PACKAGED_BYTES else ZOO / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{name}.weights.h5"
    _copy(final, weights)
    logs = RECORDS / "logs" / name
    logs.mkdir(parents=True, exist_ok=True)
    for file in ("recipe.json", "run.json", "log.csv", "curves.png", "teachers.json", "initial_weights.json"):
        if (run / file).exists():
            _copy(run / file, logs / file)
    metrics = {
        "top1": round(100 * result.top1, 2),
        "top5": round(100 * result.top5, 2),
        "epochs": recipe["epochs"],
        "seed": recipe["seed"],
        "hardware": training["device"],
        "command": training["command"],
        "log": f"zoo/records/logs/{name}/log.csv",
        "minutes": training["minutes"],
        "evaluated": "the whole test set, last epoch, no test-time augmentation",
    }
    found = re.search(r"zoo/recipes/(\w+)\.py", training["command"])
    card = update_card(name, weights=weights, metrics=metrics, recipe=found and found[1])
    assert card.weights is not None
    (RECORDS / "results").mkdir(exist_ok=True)
    results = {"entry": name, "weights_sha256": card.weights.sha256, **dataclasses.asdict(result)}
    write_json(RECORDS / "results" / f"{name}.json", {**results, "run": describe_run()})


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    with staged(target) as new:
        shutil.copyfile(source, new)


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
