"""Do small images and shallow networks first save time? DIA-ResNet20 and DIA-ResNet56 on held-out training images.

    KERAS_BACKEND=tensorflow python zoo/records/experiments/progressive.py dia_resnet20_cifar100 --seed 0 --seed 1

Every variant gets about the work of the plain recipe's epochs, counting an epoch as its images' area times the blocks.
The processor minutes that each took are in its result. Trains what is missing, and goes on where it was cut. A complete
run leaves its log and its accuracy on the held-out images in the folder `progressive` beside this file, of which `make
tables` makes the table in `zoo/RECIPES.md`. The test set is not read.
"""

import csv
import json
import pathlib

import click

from dia_keras import zoo
from dia_keras.cli import data_options, without_traceback
from dia_keras.files import write_json
from dia_keras.training import Phase, evaluate, load_recipe, train
from dia_keras.training.runs.run import load_data

HERE = pathlib.Path(__file__).resolve().parent
ZOO = HERE.parents[1]
RESULTS = HERE / "progressive"
BASE = ZOO / "recipes" / "one_cycle_cpu.py"
COMMON = {"learning_rate": 0.1, "warmup": 0.1, "held_out": 5000}
#: The shallow networks that grow: two thirds and five ninths of the blocks.
SHALLOW = {"dia_resnet20_cifar100": 14, "dia_resnet56_cifar100": 32}


def variants(entry: str) -> dict[str, dict]:
    """Returns what each variant changes; 12 epochs of plain training are the measure."""
    shallow = SHALLOW[entry]
    grown = (Phase(9, depth=shallow), Phase(6 if shallow == 14 else 7))
    resized = (Phase(10, image_size=16), Phase(6, image_size=24), Phase(6))
    both = (Phase(13, image_size=16, depth=shallow), Phase(6, image_size=24), Phase(6))
    return {
        "plain": {"epochs": 12},
        "resized": {"phases": resized},
        "grown": {"phases": grown},
        "grown, halved steps": {"phases": grown, "growth": "halve"},
        "grown, momenta reset": {"phases": grown, "momenta": "reset"},
        "resized and grown": {"phases": both},
    }


@click.command(help=__doc__)
@click.argument("entry", type=click.Choice(list(SHALLOW)))
@click.option("--runs", type=click.Path(path_type=pathlib.Path), default=pathlib.Path("runs", "progressive"))
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(0), default=(0,), show_default=True)
@data_options
@without_traceback
def main(entry: str, runs: pathlib.Path, seeds: tuple[int, ...], source: str | None, data_dir: str | None):
    RESULTS.mkdir(exist_ok=True)
    card = zoo.card(entry)
    held_out = load_data(card, source, data_dir, COMMON["held_out"]).held_out
    for seed in seeds:
        for name, changes in variants(entry).items():
            label = f"{entry}-{name.replace(',', '').replace(' ', '_')}-{seed}"
            result = RESULTS / f"{label}.json"
            if result.exists():
                continue
            epochs = sum(phase.epochs for phase in changes.get("phases", ())) or changes["epochs"]
            recipe = load_recipe(BASE, **{**COMMON, **changes, "entry": entry, "epochs": epochs, "seed": seed})
            weights = train(recipe, runs / label, source=source, data_dir=data_dir)
            found = evaluate(zoo.load(entry, weights=weights), held_out, card.labels)
            log = list(csv.DictReader((runs / label / "log.csv").read_text().splitlines()))
            recorded = {file: json.loads((runs / label / f"{file}.json").read_text()) for file in ("recipe", "run")}
            accuracies = [float(row["val_accuracy"]) for row in log]
            write_json(result, {"variant": name, "seed": seed, "top1": found.top1, "by_epoch": accuracies, **recorded})


if __name__ == "__main__":
    main()
