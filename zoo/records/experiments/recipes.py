"""Which elements of a recipe help a small net? DIA-ResNet20 on CIFAR-100, on held-out training images.

    KERAS_BACKEND=tensorflow python zoo/records/experiments/recipes.py --data-dir ~/tensorflow_datasets

Trains what is missing, one element changed at a time, and goes on where it was cut. Every complete trial leaves its
log, and the accuracy of its final weights on the held-out images, in the folder `recipes` beside this file, of which
`make tables` makes the table in `zoo/RECIPES.md`. Where the weights are averaged, the log's last `val_accuracy` is not
that of the final weights: the average takes their place at the end. The test set is not read.
"""

import json
import pathlib

import click

from dia_keras import zoo
from dia_keras.cli import data_options, without_traceback
from dia_keras.files import write_json
from dia_keras.training import evaluate, load_recipe, train
from dia_keras.training.runs.log import read_log
from dia_keras.zoo.network_data import load_data

HERE = pathlib.Path(__file__).resolve().parent
ZOO = HERE.parents[1]
RESULTS = HERE / "recipes"
BASE = ZOO / "recipes" / "one_cycle_cpu.py"
COMMON = {
    "entry": "dia_resnet20_cifar100",
    "epochs": 12,
    "learning_rate": 0.1,
    "warmup": 0.1,
    "held_out": 5000,
}
#: What a trial changes, in the order of the training.
TRIALS = {
    "base": {},
    "rate_0.2": {"learning_rate": 0.2},
    "smoothing_0.1": {"label_smoothing": 0.1},
    "mixup_0.2": {"mixup": 0.2},
    "cutmix_1": {"cutmix": 1.0},
    "erase_0.25": {"erase": 0.25},
    "ema_0.999": {"ema": 0.999},
    "ema_0.99": {"ema": 0.99},
    "decay_1e-4": {"weight_decay": 1e-4},
    "base_seed_1": {"seed": 1},
}


@click.command(help=__doc__)
@click.option("--runs", type=click.Path(path_type=pathlib.Path), default=pathlib.Path("runs", "recipes"))
@click.option("--trial", "trials", multiple=True, type=click.Choice(list(TRIALS)), help="Only this one; repeatable.")
@data_options
@without_traceback
def main(runs: pathlib.Path, trials: tuple[str, ...], source: str | None, data_dir: str | None):
    RESULTS.mkdir(exist_ok=True)
    card = zoo.card(COMMON["entry"])
    held_out = load_data(card, source, data_dir, COMMON["held_out"]).held_out
    for name in trials or TRIALS:
        result = RESULTS / f"{name}.json"
        if result.exists():
            continue
        directory = runs / name
        recipe = load_recipe(BASE, **{**COMMON, **TRIALS[name]})
        weights = train(recipe, directory, source=source, data_dir=data_dir)
        found = evaluate(zoo.load(recipe.entry, weights=weights), held_out, card.labels)
        log = read_log(directory / "log.csv")
        recorded = {name: json.loads((directory / f"{name}.json").read_text()) for name in ("recipe", "run")}
        write_json(result, {"trial": name, "changes": TRIALS[name], "top1": found.top1, "log": log, **recorded})


if __name__ == "__main__":
    main()
