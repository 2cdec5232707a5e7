"""Does the average of two cycles' weights beat the second? DIA-ResNet20 on CIFAR-100, on held-out training images.

    KERAS_BACKEND=torch python zoo/records/experiments/cycles.py --seed 0 --seed 1 --seed 2 --data cifar100.npz

Trains 20 epochs, then 10 from the weights that these end in, and measures both ends and averages of the two, as
`Recipe(initial_share=...)` makes them. Trains what is missing, and goes on where it was cut. A complete seed leaves its
accuracies on the held-out images in the folder `cycles` beside this file. The test set is not read.
"""

import json
import pathlib

import click

from dia_keras import zoo
from dia_keras.cli import data_options, without_traceback
from dia_keras.files import write_json
from dia_keras.training import Recipe, evaluate, load_recipe, train
from dia_keras.training.augmentation.batches import Batches
from dia_keras.training.averaging import average, measure_statistics, statistics_batches, trainable_values
from dia_keras.zoo.network_data import load_data

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "cycles"
BASE = HERE.parents[1] / "recipes" / "one_cycle_cpu.py"
ENTRY = "dia_resnet20_cifar100"
#: Shares of the first cycle's weights in the average.
SHARES = (0.25, 0.5, 0.75)


def cycles(seed: int, runs: pathlib.Path) -> tuple[Recipe, Recipe]:
    """Returns the recipes of both cycles; the second starts where the first one ends."""
    common = {"entry": ENTRY, "warmup": 0.1, "held_out": 5000, "seed": seed}
    first = load_recipe(BASE, **common, epochs=20, learning_rate=0.1)
    start = str(runs / f"{seed}-first" / "final.weights.h5")
    return first, load_recipe(BASE, **common, epochs=10, learning_rate=0.05, initial_weights=start)


@click.command(help=__doc__)
@click.option("--runs", type=click.Path(path_type=pathlib.Path), default=pathlib.Path("runs", "cycles"))
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(0), default=(0,), show_default=True)
@data_options
@without_traceback
def main(runs: pathlib.Path, seeds: tuple[int, ...], source: str | None, data_dir: str | None):
    RESULTS.mkdir(exist_ok=True)
    labels = zoo.card(ENTRY).labels
    data = load_data(zoo.card(ENTRY), source, data_dir, 5000)
    for seed in seeds:
        if (RESULTS / f"{seed}.json").exists():
            continue
        first, second = cycles(seed, runs)
        ends = [
            zoo.load(ENTRY, weights=train(recipe, runs / f"{seed}-{name}", source=source, data_dir=data_dir))
            for name, recipe in (("first", first), ("second", second))
        ]
        batches = Batches(data.train.images, data.train.labels, len(labels), second)
        top1 = {"first": evaluate(ends[0], data.held_out, labels).top1}
        top1["second"] = evaluate(ends[1], data.held_out, labels).top1
        before, after = map(trainable_values, ends)
        for share in SHARES:
            for variable, value in zip(ends[1].trainable_variables, after, strict=True):
                variable.assign(value)
            average(ends[1], before, share)
            measure_statistics(ends[1], statistics_batches(batches()))
            top1[f"share {share}"] = evaluate(ends[1], data.held_out, labels).top1
        run = json.loads((runs / f"{seed}-second" / "run.json").read_text())
        write_json(RESULTS / f"{seed}.json", {"seed": seed, "top1": top1, "run": run})


if __name__ == "__main__":
    main()
