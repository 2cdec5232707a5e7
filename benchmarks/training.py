"""Training throughput of zoo entries, side by side in one process.

    KERAS_BACKEND=tensorflow python benchmarks/training.py resnet20_cifar100 dia_resnet20_cifar100

The entries take turns, `--rounds` times `--steps` steps of `model.fit` on random images, as `zoo/train.py` trains them:
augmentation included, compiled by XLA on JAX and on GPUs. Images/s are medians over the rounds, the ratio is to the
first entry. The first round, which builds and compiles, is told apart. With `--keras-norms` every entry takes part once
more, without the fused batch norm of `dia_keras.training.steps.fused_norm`; with `--freed-memory`, without the
memory that `dia_keras.training.steps.memory` keeps.

With `--backend`, given once or more, every entry takes part on those Keras backends as well, each in a process of its
own, which waits while it is not its turn:

    KERAS_BACKEND=tensorflow python benchmarks/training.py dia_resnet164_cifar100 --backend torch

With `--peers` pytorchcv's networks of the same parameters train in PyTorch, in the same process: channels last,
compiled by `torch.compile`, on one batch that lies on the device already, so that nothing but the network is timed.
With `--cost` XLA's count of a step's operations and bytes (JAX only) tells FLOP/s and bytes/s, and their part of the
card's limits:

    XLA_PYTHON_CLIENT_PREALLOCATE=false KERAS_BACKEND=jax python benchmarks/training.py \\
        resnet164_cifar100 dia_resnet164_cifar100 --peers --cost --steps 100
"""

import contextlib
import functools
import importlib.metadata
import multiprocessing
import os
import pathlib
import statistics
import time
from collections.abc import Callable, Sequence

import click
import keras
import numpy as np
from rich.console import Console
from rich.table import Column, Table

from dia_keras import zoo
from dia_keras.benchmark.peers import build_peer, find_peers
from dia_keras.cli import without_traceback
from dia_keras.files import write_json
from dia_keras.host import describe_run
from dia_keras.training import Recipe
from dia_keras.training.augmentation.batches import Batches
from dia_keras.training.fitting import compile_for
from dia_keras.training.runs.epochs_that_fit import EpochClock
from dia_keras.training.steps.fused_norm import fused_batch_norms
from dia_keras.training.steps.memory import kept_memory
from dia_keras.training.steps.torch_graph import LEAST_STEPS
from dia_keras.training.steps.torch_step import compiled_step

#: FLOP/s by precision, and bytes/s, of a card, after NVIDIA's data sheets, by JAX's name of it. All are dense. XLA
#: computes float32 by TensorFloat-32.
FLOPS = {"mixed_bfloat16": 989e12, "float32": 495e12}
LIMITS = {"NVIDIA H100 80GB HBM3": (FLOPS, 3.35e12), "NVIDIA H200": (FLOPS, 4.8e12)}


class Contender:
    """An entry that trains, a few steps at a time."""

    def __init__(
        self,
        name: str,
        recipe: Recipe,
        steps: int,
        contexts: contextlib.ExitStack,
        is_fused: bool = True,
        keeps_memory: bool = True,
    ):
        self.name = name + ("" if is_fused else ", Keras' batch norm") + ("" if keeps_memory else ", freed memory")
        self.recipe, self.steps = recipe, steps
        self.memory = kept_memory if keeps_memory else contextlib.nullcontext
        self.speeds: list[float] = []
        keras.config.set_dtype_policy(recipe.precision)
        began = time.perf_counter()
        card = zoo.card(name)
        self.model = zoo.load(name, weights=None, classifier_activation=None)
        compile_for(self.model, recipe, steps)
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (10 * recipe.batch_size, *card.dataset.image_size, 3), np.uint8)
        labels = rng.integers(0, len(card.labels), len(images))
        self.data = Batches(images, labels, len(card.labels), recipe)()
        if is_fused:
            contexts.enter_context(fused_batch_norms(self.model))
        contexts.enter_context(compiled_step(self.model, LEAST_STEPS))
        self.take_turn()
        self.first = time.perf_counter() - began
        self.speeds.clear()

    def take_turn(self) -> None:
        clock = EpochClock()  # of the steps alone: where data come from a generator, `fit` may end seconds later
        with self.memory():
            self.model.fit(self.data, steps_per_epoch=self.steps, epochs=1, shuffle=False, verbose=0, callbacks=[clock])
        self.speeds.append(self.steps * self.recipe.batch_size / clock.steps[-1])

    def cost(self) -> tuple[float, float]:
        """Returns the floating-point operations and the bytes that a training step takes, after XLA."""
        import jax

        state = self.model._get_jax_state(
            trainable_variables=True,
            non_trainable_variables=True,
            optimizer_variables=True,
            metrics_variables=True,
        )
        compiled = jax.jit(self.model.train_step).lower(state, next(self.data)).compile()
        self.model.jax_state_sync()
        analysis = compiled.cost_analysis()
        return analysis["flops"], analysis["bytes accessed"]


class Elsewhere:
    """An entry that trains on another backend, in a process of its own, which waits for its turns.

    Args:
        backend: The backend.
        contexts: What ends the process.
        *arguments: The arguments of `Contender`, but for its contexts.
    """

    def __init__(self, backend: str, contexts: contextlib.ExitStack, *arguments):
        self.backend, self.speeds = backend, []
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(target=_train_elsewhere, args=(theirs, *arguments), daemon=True)
        before = dict(os.environ)
        os.environ["KERAS_BACKEND"] = backend  # the process takes over the environment that it finds
        try:
            process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        contexts.callback(process.join)
        contexts.callback(self._pipe.close)  # first, which ends the process
        theirs.close()  # so that the end of the process is the end of the pipe
        name, self.first = self._received()
        self.name = f"{name}, {backend}"

    def take_turn(self) -> None:
        self._pipe.send(None)
        self.speeds.append(self._received())

    def _received(self):
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"The process that trains on {self.backend} ended with the error above.") from None


def _train_elsewhere(pipe, *arguments) -> None:
    """Builds a contender, and lets it take a turn whenever it is asked to."""
    with contextlib.ExitStack() as contexts:
        contender = Contender(*arguments, contexts)
        pipe.send((contender.name, contender.first))
        with contextlib.suppress(EOFError):
            while True:
                pipe.recv()
                contender.take_turn()
                pipe.send(contender.speeds[-1])


class Peer:
    """pytorchcv's network of an entry, which trains in PyTorch."""

    def __init__(self, name: str, entry: str, recipe: Recipe, steps: int):
        import torch

        self.name, self.recipe, self.steps = name, recipe, steps
        self.speeds: list[float] = []
        began = time.perf_counter()
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        size = (recipe.batch_size, 3, *zoo.card(entry).dataset.image_size)
        self.images = torch.randn(size, device=self.device).to(memory_format=torch.channels_last)
        self.labels = torch.randint(len(zoo.card(entry).labels), size[:1], device=self.device)
        network = build_peer(entry).to(self.device, memory_format=torch.channels_last).train()
        self.optimizer = torch.optim.SGD(
            network.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
        )
        self.network = torch.compile(network)
        self.take_turn()
        self.first = time.perf_counter() - began
        self.speeds.clear()

    def take_turn(self) -> None:
        import torch

        began = time.perf_counter()
        for _ in range(self.steps):
            with torch.autocast(self.device, torch.bfloat16, enabled=self.recipe.precision == "mixed_bfloat16"):
                loss = torch.nn.functional.cross_entropy(self.network(self.images), self.labels)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        loss.item()  # waits for the device
        self.speeds.append(self.steps * self.recipe.batch_size / (time.perf_counter() - began))


@click.command(help=__doc__)
@click.argument("entries", nargs=-1, required=True)
@click.option("--steps", default=10, show_default=True, type=click.IntRange(1))
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", default=128, show_default=True, type=click.IntRange(1))
@click.option(
    "--precision", default="mixed_bfloat16", show_default=True, type=click.Choice(["float32", "mixed_bfloat16"])
)
@click.option("--keras-norms", is_flag=True, help="Time the entries with Keras' own batch norm, too.")
@click.option("--freed-memory", is_flag=True, help="Time the entries with memory freed as usual, too.")
@click.option(
    "--backend",
    "backends",
    multiple=True,
    type=click.Choice(["tensorflow", "jax", "torch"]),
    help="Time the entries on this backend of Keras, too.",
)
@click.option("--peers", is_flag=True, help="Time pytorchcv's networks in PyTorch, too.")
@click.option("--cost", is_flag=True, help="Count a step's operations and bytes; on JAX.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write the figures to this JSON file, too."
)
@without_traceback
def main(
    entries,
    steps: int,
    rounds: int,
    batch_size: int,
    precision: str,
    keras_norms: bool,
    freed_memory: bool,
    backends: tuple[str, ...],
    peers: bool,
    cost: bool,
    out: pathlib.Path | None,
):
    if cost and keras.backend.backend() != "jax":
        raise click.UsageError(f"--cost needs KERAS_BACKEND=jax. Received: {keras.backend.backend()}")
    if keras_norms and keras.backend.backend() != "tensorflow":
        raise click.UsageError(
            f"--keras-norms needs KERAS_BACKEND=tensorflow: the others have no other batch norm. "
            f"Received: {keras.backend.backend()}"
        )
    recipe = Recipe(entry=entries[0], epochs=1, batch_size=batch_size, nesterov=True, precision=precision)
    kinds = [(True, True)] + [(False, True)] * keras_norms + [(True, False)] * freed_memory
    in_pytorch = find_peers(entries) if peers else {}
    contexts = click.get_current_context().with_resource(contextlib.ExitStack())
    builders: list[Callable[[], Contender | Elsewhere | Peer]] = [
        functools.partial(Contender, name, recipe.replace(entry=name), steps, contexts, *kind)
        for name in entries
        for kind in kinds
    ]
    builders += [
        functools.partial(Elsewhere, backend, contexts, name, recipe.replace(entry=name), steps)
        for backend in backends
        for name in entries
    ]
    builders += [functools.partial(Peer, name, entry, recipe, steps) for name, entry in in_pytorch.items()]
    contenders: list[Contender | Elsewhere | Peer] = []
    for build in builders:
        contenders.append(build())
        contenders[-1].take_turn()  # compiling may outlast the patience: a file with one turn each is better than none
        save(out, contenders)
    for contender in contenders:
        contender.speeds.clear()
    for _ in range(rounds):
        for contender in contenders:
            contender.take_turn()
    base = statistics.median(contenders[0].speeds)
    table = Table(Column("entry", overflow="fold"), "images/s", "slowest", "fastest", "ratio", "first round (s)")
    for contender in contenders:
        speed = statistics.median(contender.speeds)
        row = (speed, min(contender.speeds), max(contender.speeds), speed / base, contender.first)
        table.add_row(
            contender.name, *(f"{value:.{digits}f}" for value, digits in zip(row, (0, 0, 0, 3, 1), strict=True))
        )
    Console().print(table)
    run, rows = describe_run(), save(out, contenders)
    if cost:
        costs = {contender.name: contender.cost() for contender in contenders if isinstance(contender, Contender)}
        for figures in rows:
            if figures["entry"] in costs:
                figures |= dict(zip(("flops", "bytes"), costs[figures["entry"]], strict=True))
        Console().print(cost_table(rows, batch_size, run["device"], precision))
    Console().print(f"{run['backend']} on {run['device']}, {precision}, batch {batch_size}", highlight=False)
    if out:
        elsewhere = {backend: _version(backend) for backend in backends}
        write_json(out, {"results": rows, "run": run | elsewhere})


def _version(backend: str) -> str:
    """Returns the version of a backend's package, which is not imported; TensorFlow's has several names."""
    name = importlib.metadata.packages_distributions()[backend][0]
    return importlib.metadata.version(name)


def save(out: pathlib.Path | None, contenders: Sequence[Contender | Elsewhere | Peer]) -> list[dict]:
    """Returns the figures of the contenders, after writing them to a file if one is given."""
    rows = [
        {"entry": contender.name, "images_per_second": contender.speeds, "first_round_seconds": contender.first}
        for contender in contenders
    ]
    if out:
        write_json(out, {"results": rows, "run": describe_run()})
    return rows


def cost_table(rows: list[dict], batch_size: int, device: str, precision: str) -> Table:
    """Returns the table of FLOP/s and bytes/s, beside the limits of the device where they are known."""
    table = Table("entry", "GFLOP an image", "TFLOP/s", "of the limit", "MB an image", "GB/s", "of the limit")
    flops, bytes_ = LIMITS.get(device, ({}, None))
    limits = (flops.get(precision), bytes_)
    for figures in rows:
        if "flops" not in figures:
            continue
        rate = statistics.median(figures["images_per_second"]) / batch_size
        cells = []
        for which, (key, unit, scale) in enumerate((("flops", 1e9, 1e12), ("bytes", 1e6, 1e9))):
            limit = limits[which]
            cells += [f"{figures[key] / batch_size / unit:.2f}", f"{figures[key] * rate / scale:.2f}"]
            cells.append(f"{figures[key] * rate / limit:.1%}" if limit else "unknown")
        table.add_row(figures["entry"], *cells)
    return table


if __name__ == "__main__":
    main()
