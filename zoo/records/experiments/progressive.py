"""Do small images and shallow networks first save time? DIA-ResNet20 and DIA-ResNet56 on held-out training images.

    KERAS_BACKEND=tensorflow python zoo/records/experiments/progressive.py dia_resnet20_cifar100 --seed 0 --seed 1

Every variant gets about the work of the plain recipe's epochs, counting an epoch as its images' area times the blocks.
Trains what is missing, and goes on where it was cut. A complete run leaves its log and its accuracy on the held-out
images in the folder `progressive` beside this file. `--time` measures there how long an epoch of each phase takes, on a
machine that does nothing else. `make tables` makes the table in `zoo/RECIPES.md` of both. The test set is not read.
"""

import json
import pathlib

import click

from dia_keras import zoo
from dia_keras.cli import data_options, without_traceback
from dia_keras.data import Split
from dia_keras.files import write_json
from dia_keras.host import describe_run
from dia_keras.training import Phase, evaluate, load_recipe, train
from dia_keras.training.runs.epochs_that_fit import measure_speed
from dia_keras.training.runs.log import read_log
from dia_keras.training.runs.run import prepare
from dia_keras.zoo.network_data import load_data

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
        "plain, longer": {"epochs": 14},
        "resized": {"phases": resized},
        "grown": {"phases": grown},
        "grown, halved steps": {"phases": grown, "growth": "halve"},
        "grown, momenta reset": {"phases": grown, "momenta": "reset"},
        "resized and grown": {"phases": both},
    }


def time_phases(entry: str, source: str | None, data_dir: str | None) -> None:
    """Measures how long an epoch of every phase takes, one after the other, and writes the seconds."""
    recipe = load_recipe(BASE, **COMMON, entry=entry)
    build, training, _, classes = prepare(recipe, source, data_dir)
    nothing = Split(training.images[:0], training.labels[:0])
    phases = {phase for changes in variants(entry).values() for phase in changes.get("phases", (Phase(1),))}
    timed = []
    for size, depth in {(phase.image_size, phase.depth) for phase in phases}:
        model = build(Phase(1, image_size=size, depth=depth))
        speed = measure_speed(recipe, model, [], training, nothing, classes, image_size=size)
        timed.append({"image_size": size, "depth": depth, "seconds_per_epoch": speed.per_epoch})
    write_json(RESULTS / f"{entry}-seconds.json", {"phases": timed, "run": describe_run()})


@click.command(help=__doc__)
@click.argument("entry", type=click.Choice(list(SHALLOW)))
@click.option("--runs", type=click.Path(path_type=pathlib.Path), default=pathlib.Path("runs", "progressive"))
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(0), default=(0,), show_default=True)
@click.option("--time", "is_timing", is_flag=True, help="Measure the phases' seconds an epoch, and train nothing.")
@data_options
@without_traceback
def main(
    entry: str,
    runs: pathlib.Path,
    seeds: tuple[int, ...],
    is_timing: bool,
    source: str | None,
    data_dir: str | None,
):
    RESULTS.mkdir(exist_ok=True)
    if is_timing:
        time_phases(entry, source, data_dir)
        return
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
            log = read_log(runs / label / "log.csv")
            recorded = {file: json.loads((runs / label / f"{file}.json").read_text()) for file in ("recipe", "run")}
            accuracies = [row["val_accuracy"] for row in log]
            write_json(result, {"variant": name, "seed": seed, "top1": found.top1, "by_epoch": accuracies, **recorded})


if __name__ == "__main__":
    main()
