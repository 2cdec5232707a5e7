"""Training throughput of zoo entries, side by side in one process.

    KERAS_BACKEND=tensorflow python benchmarks/training.py resnet20_cifar100 dia_resnet20_cifar100

The entries take turns, `--rounds` times `--steps` steps of `model.fit` on random images, as `zoo/train.py` trains them:
augmentation included, compiled by XLA on JAX and on GPUs. Images/s are medians over the rounds, the ratio is to the
first entry. The first round, which builds and compiles, is told apart. With `--keras-norms` every entry takes part once
more, without the fused batch norm of `dia_keras.training.fused_norm`.
"""

import contextlib
import pathlib
import statistics
import time

import click
import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from dia_keras import zoo
from dia_keras.cli import without_traceback
from dia_keras.training import Recipe
from dia_keras.training.augment import batches
from dia_keras.training.fit import compile_for
from dia_keras.training.fused_norm import fused_batch_norms
from dia_keras.training.host import describe_run
from dia_keras.training.run import EpochClock, write_json


class Contender:
    """An entry that trains, a few steps at a time."""

    def __init__(self, name: str, recipe: Recipe, steps: int, is_fused: bool = True):
        self.name = name if is_fused else f"{name}, Keras' batch norm"
        self.recipe, self.steps = recipe, steps
        self.context = fused_batch_norms if is_fused else contextlib.nullcontext
        self.speeds: list[float] = []
        keras.config.set_dtype_policy(recipe.precision)
        began = time.perf_counter()
        card = zoo.card(name)
        self.model = zoo.load(name, weights=None, classifier_activation=None)
        compile_for(self.model, recipe, steps)
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (10 * recipe.batch_size, *card.dataset.image_size, 3), np.uint8)
        labels = rng.integers(0, len(card.labels), len(images))
        self.data = batches(images, labels, len(card.labels), recipe)
        self.take_turn()
        self.first = time.perf_counter() - began
        self.speeds.clear()

    def take_turn(self) -> None:
        clock = EpochClock()  # of the steps alone: where data come from a generator, `fit` may end seconds later
        with self.context(self.model):
            self.model.fit(self.data, steps_per_epoch=self.steps, epochs=1, shuffle=False, verbose=0, callbacks=[clock])
        self.speeds.append(self.steps * self.recipe.batch_size / clock.seconds[-1])

    @property
    def speed(self) -> float:
        return statistics.median(self.speeds)


@click.command(help=__doc__)
@click.argument("entries", nargs=-1, required=True)
@click.option("--steps", default=10, show_default=True, type=click.IntRange(1))
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", default=128, show_default=True, type=click.IntRange(1))
@click.option(
    "--precision", default="mixed_bfloat16", show_default=True, type=click.Choice(["float32", "mixed_bfloat16"])
)
@click.option("--keras-norms", is_flag=True, help="Time the entries with Keras' own batch norm, too.")
@click.option("--out", type=click.Path(path_type=pathlib.Path), help="Write the figures to this JSON file, too.")
@without_traceback
def main(
    entries, steps: int, rounds: int, batch_size: int, precision: str, keras_norms: bool, out: pathlib.Path | None
):
    recipe = Recipe(entry=entries[0], epochs=1, batch_size=batch_size, nesterov=True, precision=precision)
    kinds = (True, False) if keras_norms else (True,)
    contenders = [Contender(name, recipe.replace(entry=name), steps, kind) for name in entries for kind in kinds]
    for _ in range(rounds):
        for contender in contenders:
            contender.take_turn()
    base = contenders[0].speed
    table = Table("entry", "images/s", "slowest", "fastest", "ratio", "first round (s)")
    rows = []
    for each in contenders:
        row = (each.speed, min(each.speeds), max(each.speeds), each.speed / base, each.first)
        rows.append({"entry": each.name, "images_per_second": each.speeds, "first_round_seconds": each.first})
        table.add_row(each.name, *(f"{value:.{digits}f}" for value, digits in zip(row, (0, 0, 0, 3, 1), strict=True)))
    Console().print(table)
    run = describe_run()
    Console().print(f"{run['backend']} on {run['device']}, {precision}, batch {batch_size}", highlight=False)
    if out:
        write_json(out, {"results": rows, "run": run})


if __name__ == "__main__":
    main()
