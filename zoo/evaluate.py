"""Measures zoo entries on their whole test set, and writes what their cards cite.

    python zoo/evaluate.py dia_resnet20_cifar100 --data-dir ~/tensorflow_datasets
    python zoo/evaluate.py dia_resnet20_cifar100 --run runs/dia_resnet20_cifar100 --write

`--run` first ships the weights of a complete run: they are copied into the package, with the run's log. `--write` puts
the figures on the card and, class by class, into `zoo/results/`. The model is always loaded through `zoo.load`.
"""

import dataclasses
import json
import pathlib
import shutil

import click

from dia_keras import zoo
from dia_keras.cli import data_options, measure, show_evaluation, without_traceback
from dia_keras.training.host import describe_run
from dia_keras.training.run import write_json
from dia_keras.zoo.cards import update_card

HERE = pathlib.Path(__file__).resolve().parent
PACKAGED = HERE.parent / "dia_keras" / "zoo" / "weights"
#: Weights up to this size travel in the wheel, larger ones lie beside it.
PACKAGED_BYTES = 5 << 20


def ship(name: str, run: pathlib.Path) -> None:
    """Copies the final weights of a run to where `zoo.load` finds them, and its log beside the recipes."""
    final = run / "final.weights.h5"
    if not final.is_file():
        raise ValueError(f"`--run` must be the folder of a complete run. Received: {run}, without {final.name}")
    recipe = json.loads((run / "recipe.json").read_text())
    if recipe["entry"] != name:
        raise ValueError(f"`--run` must be a run of {name}. Received: {run}, a run of {recipe['entry']}")
    folder = PACKAGED if final.stat().st_size <= PACKAGED_BYTES else HERE / "weights"
    folder.mkdir(exist_ok=True)
    weights = folder / f"{name}.weights.h5"
    temporary = weights.with_suffix(".partial")
    shutil.copyfile(final, temporary)
    temporary.rename(weights)
    logs = HERE / "logs" / name
    logs.mkdir(parents=True, exist_ok=True)
    for file in ("recipe.json", "run.json", "log.csv", "curves.png"):
        shutil.copyfile(run / file, logs / file)
    update_card(name, weights=weights)


@click.command()
@click.argument("name")
@click.option("--run", type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path), help="A run to ship.")
@click.option("--write", is_flag=True, help="Write the figures onto the card and into zoo/results/.")
@click.option("--per-class/--no-per-class", default=True, show_default=True)
@data_options
@without_traceback
def main(name: str, run: pathlib.Path | None, write: bool, per_class: bool, source: str | None, data_dir: str | None):
    """Measure the entry NAME on its whole test set."""
    if run:
        ship(name, run)
    result = measure(name, source=source, data_dir=data_dir)
    show_evaluation(name, result, per_class)
    if write:
        logs = HERE / "logs" / name
        recipe, training = (json.loads((logs / file).read_text()) for file in ("recipe.json", "run.json"))
        record = zoo.card(name).weights
        assert record is not None
        (HERE / "results").mkdir(exist_ok=True)
        results = {"entry": name, "weights_sha256": record.sha256, **dataclasses.asdict(result), "run": describe_run()}
        write_json(HERE / "results" / f"{name}.json", results)
        update_card(
            name,
            metrics={
                "top1": round(100 * result.top1, 2),
                "top5": round(100 * result.top5, 2),
                "epochs": recipe["epochs"],
                "seed": recipe["seed"],
                "hardware": training["device"],
                "command": training["command"],
                "log": f"zoo/logs/{name}/log.csv",
                "minutes": training["minutes"],
                "held_out": recipe["held_out"],
                "evaluated": "the whole test set, last epoch, no test-time augmentation",
            },
        )


if __name__ == "__main__":
    main()
