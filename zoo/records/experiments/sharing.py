"""DIA against attention per block on ResNet20, CIFAR-100 (Table 3 in small), and SRM's batch norm (Fig. 11).

    python zoo/records/experiments/sharing.py run --data-dir ~/tensorflow_datasets
    python zoo/records/experiments/sharing.py report

`run` trains what is missing, seed by seed, and goes on where it was cut (`--minutes` stops it in time); every complete
run leaves its log and its figures in the folder `sharing` beside this file. `report` makes `SHARING.md` and
`sharing.png` of them. 5,000 training images are held out and watched; accuracies in the table are the last epoch's on
the test set.
"""

import dataclasses
import functools
import itertools
import json
import pathlib
import statistics
import time

import click
import keras
from matplotlib.figure import Figure

from dia_keras import backbones, zoo
from dia_keras.cli import data_options, without_traceback
from dia_keras.files import staged, write_json, write_text
from dia_keras.host import describe_run
from dia_keras.reproduction.report.statistics import LEVEL, compare, verdict
from dia_keras.training import Recipe, evaluate, fit
from dia_keras.training.runs.budget import WallClockBudget
from dia_keras.training.runs.log import read_log
from dia_keras.training.runs.run_folder import check_same_recipe
from dia_keras.zoo.loading import preprocessing
from dia_keras.zoo.network_data import load_data

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "sharing"
REPORT, PLOT = HERE / "SHARING.md", HERE / "sharing.png"

RECIPE = Recipe(
    entry="resnet20_cifar100",
    epochs=10,
    learning_rate=0.2,
    weight_decay=5e-4,
    decay_all=False,
    nesterov=True,
    held_out=5000,
    precision="mixed_bfloat16",
)
SEEDS = (0, 1, 2)
NETS = {
    "org": {},
    "se": {"attention": "se", "attention_config": {"ratio": 4}},
    "se, shared": {"attention": "se", "shared": True, "attention_config": {"ratio": 4}},
    "srm": {"attention": "srm"},
    "srm, shared": {"attention": "srm", "shared": True},
    "srm, shared with its batch norm": {
        "attention": "srm",
        "shared": True,
        "attention_config": {"share_norm": True},
    },
    "dia_lstm": {"attention": "dia_lstm"},
}
#: Shared form against the form per block, shared batch norm against one a block, DIA-LSTM against the plain net.
COMPARED = {
    "se, shared": "se",
    "srm, shared": "srm",
    "srm, shared with its batch norm": "srm, shared",
    "dia_lstm": "org",
}


def file_of(net: str, seed: int) -> pathlib.Path:
    return RESULTS / f"{net.replace(', ', '-').replace(' ', '_')}-{seed}.json"


def build(net: str, card: zoo.Card, recipe: Recipe) -> keras.Model:
    keras.utils.clear_session()
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(recipe.precision)
    return backbones.resnet(
        20,
        "basic",
        **NETS[net],
        num_classes=len(card.labels),
        classifier_activation=None,
        preprocessing=preprocessing(card.dataset),
    )


@click.group(help=__doc__)
def main():
    pass


@main.command()
@click.option("--runs", type=click.Path(path_type=pathlib.Path), default=pathlib.Path("runs", "sharing"))
@click.option("--minutes", type=float, help="Wall-clock budget.")
@click.option("--net", "nets", multiple=True, type=click.Choice(list(NETS)), help="Only this one; repeatable.")
@data_options
@without_traceback
def run(runs: pathlib.Path, minutes: float | None, nets: tuple[str, ...], source: str | None, data_dir: str | None):
    """Train and measure what is missing."""
    started = time.monotonic()
    card = zoo.card(RECIPE.entry)
    data = load_data(card, source, data_dir, RECIPE.held_out)
    for seed, net in itertools.product(SEEDS, nets or NETS):
        result = file_of(net, seed)
        if result.exists():
            continue
        print(f"{net}, seed {seed}")
        recipe = RECIPE.replace(seed=seed)
        model = build(net, card, recipe)
        directory = runs / result.stem
        check_same_recipe(recipe, directory / "recipe.json")
        complete = fit(
            model,
            recipe,
            data.train,
            directory,
            num_classes=len(card.labels),
            held_out=data.held_out,
            budget=WallClockBudget(minutes, started),
        )
        if not complete:
            return
        found = evaluate(model, data.test, card.labels)
        log = read_log(directory / "log.csv")
        figures = {
            "net": net,
            "settings": NETS[net],
            "top1": found.top1,
            "top5": found.top5,
            "images": found.images,
            "log": log,
        }
        RESULTS.mkdir(exist_ok=True)
        write_json(result, {**figures, "recipe": dataclasses.asdict(recipe), "run": describe_run()})


@functools.cache
def results() -> dict[str, list[dict]]:
    """Returns the complete runs by net."""
    found = {net: [file_of(net, seed) for seed in SEEDS] for net in NETS}
    runs = {net: [json.loads(path.read_text()) for path in paths if path.exists()] for net, paths in found.items()}
    for run in itertools.chain(*runs.values()):
        recipe = Recipe.from_json(run["recipe"])
        if recipe != RECIPE.replace(seed=recipe.seed) or run["settings"] != NETS[run["net"]]:
            raise click.ClickException(f"{run['net']}, seed {recipe.seed} ran with other settings: remove its file.")
    return runs


def compared(ours: list[dict], theirs: list[dict]) -> list[str]:
    """Returns the difference of two nets' mean accuracies, its 95% interval, Student's p-value, and the verdict."""
    scores = [[100 * run["top1"] for run in runs] for runs in (ours, theirs)]
    found = compare(*scores)
    if min(map(len, scores)) < 2:
        return [f"{found.difference:+.2f}", "needs two seeds", "", ""]
    interval = f"{found.low:+.2f} to {found.high:+.2f}"
    return [f"{found.difference:+.2f}", interval, f"{found.p:.3f}", verdict(found.difference, found.p)]


def shown(net: str) -> str:
    """Returns what a net is called in the report: the paper's "org" is the plain one."""
    return "plain" if net == "org" else net


def report_text() -> str:
    """Returns `SHARING.md`."""
    devices = sorted({run["run"]["device"] for runs in results().values() for run in runs})
    text = (
        "# Shared by a stage, or one per block?\n\n"
        "Generated by `python zoo/records/experiments/sharing.py report` from the runs in `sharing/`. "
        f"ResNet20 on CIFAR-100, {RECIPE.epochs} epochs,\n45,000 training images; "
        f"accuracy of the last epoch on the test set, mean and standard deviation over seeds.\n"
        f"Measured on {'; '.join(devices)}. Two-sided Student's t-test "
        "of the shared form against the form per block,\nof SRM's shared batch norm against one per block, and of "
        f"DIA-LSTM against the plain net, each at the level {LEVEL}.\nWith so few seeds, a difference that is not "
        "significant may still be real: the interval says how large it may be.\nSuch a short training says little "
        "about a long one. Seed 0 of plain, se, and se, shared ran with Keras' batch norm, all others with\n"
        "TensorFlow's fused one: the formulas are the same, but not the rounding. In all of them, SRM's style weights\n"
        "have weight decay, and the velocity of SGD contains the learning rate, as in Keras.\n\n"
        "| net | seeds | top-1 (%) | against | difference | 95% interval | p | verdict |\n"
        "|---|--:|--:|---|--:|--:|--:|---|\n"
    )
    for net, runs in results().items():
        if not runs:
            continue
        scores = [100 * run["top1"] for run in runs]
        spread = f" ± {statistics.stdev(scores):.2f}" if len(scores) > 1 else ""
        row = [shown(net), str(len(scores)), f"{statistics.mean(scores):.2f}{spread}"]
        other = COMPARED.get(net)
        row += [shown(other), *compared(runs, results()[other])] if other and results()[other] else [""] * 5
        text += f"| {' | '.join(row)} |\n"
    missing = [f"{shown(net)} (seed {seed})" for net in NETS for seed in SEEDS if not file_of(net, seed).exists()]
    if missing:
        text += f"\nNot run yet: {', '.join(missing)}.\n"
    return text + f"\n![Held-out accuracy of SRM per block, shared, and shared with its batch norm]({PLOT.name})\n"


def plot() -> None:
    """Draws Fig. 11: held-out accuracy by epoch of SRM's three forms, every seed a line."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for color, net in zip(("tab:blue", "tab:green", "tab:red"), (n for n in NETS if n.startswith("srm")), strict=True):
        for number, run in enumerate(results()[net]):
            epochs = [row["epoch"] + 1 for row in run["log"]]
            scores = [100 * row["val_accuracy"] for row in run["log"]]
            axes.plot(epochs, scores, color, marker=".", label=net if number == 0 else None)
    axes.set(xlabel="epoch", ylabel="held-out accuracy (%)", title="SRM in ResNet20, CIFAR-100 (Fig. 11 of the paper)")
    axes.grid(alpha=0.3)
    axes.legend()
    with staged(PLOT) as new:
        figure.savefig(new, dpi=120)


@main.command()
def report():
    """Make the table and the plot of the runs so far."""
    if not any(results().values()):
        raise click.ClickException("There is no run yet: `sharing.py run` makes them.")
    write_text(REPORT, report_text())
    plot()


if __name__ == "__main__":
    main()
