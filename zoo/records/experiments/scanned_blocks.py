"""Does a deep net compile sooner where the equal blocks of a stage are one loop?

    KERAS_BACKEND=jax python zoo/records/experiments/scanned_blocks.py dia_resnet164_cifar100

Two networks of the same weights train on the same random images: the entry as it is, and the entry with all blocks of a
stage but the first in one `lax.scan` over their stacked weights, the features and the unit's state being the carry. XLA
then sees each stage's block once. The script measures the seconds to the end of the first step, which traces and
compiles, the median of the later ones, which take turns, and how far apart the weights are after the first. The result
goes to the folder `scanned_blocks` beside this file; `zoo/RECIPES.md` cites it.
"""

import itertools
import pathlib
import statistics
import time

import click
import keras
import numpy as np
from keras import ops

from dia_keras import zoo
from dia_keras.cli import without_traceback
from dia_keras.files import write_json
from dia_keras.host import describe_run
from dia_keras.training import Recipe
from dia_keras.training.fitting import compile_for
from dia_keras.units import RecurrentAttention

RESULTS = pathlib.Path(__file__).resolve().parent / "scanned_blocks"


class ScannedBlocks(keras.layers.Layer):
    """Blocks that differ in their weights alone, as one loop.

    Args:
        blocks: Models from features and states to features and states, of the same structure. What is the same variable
            in all of them, as the weights of a shared unit are, is not stacked.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, blocks: list[keras.Model], **kwargs):
        # The blocks cast for themselves.
        super().__init__(autocast=False, dtype="float32", **kwargs)
        self.blocks = blocks
        self.built = True

    def call(self, inputs, training=None):
        columns = [
            list(zip(*(getattr(block, kind) for block in self.blocks), strict=True))
            for kind in ("trainable_variables", "non_trainable_variables")
        ]
        own = [[ops.stack([v.value for v in column]) for column in kind if not _is_shared(column)] for kind in columns]

        def step(carry, slices):
            values = []
            for kind, kind_slices in zip(columns, slices, strict=True):
                left = iter(kind_slices)
                values.append([column[0].value if _is_shared(column) else next(left) for column in kind])
            return self.blocks[0].stateless_call(*values, carry, training=training)

        outputs, updates = ops.scan(step, inputs, own)
        for column, values in zip(columns[1], updates, strict=True):
            if not _is_shared(column):
                for i, variable in enumerate(column):
                    variable.assign(values[i])
        return outputs

    def compute_output_spec(self, inputs, training=None):
        return [keras.KerasTensor(each.shape, each.dtype) for each in inputs]


def _is_shared(variables) -> bool:
    return all(variable is variables[0] for variable in variables)


def scanned(model: keras.Model) -> keras.Model:
    """Returns a network of a model's layers with all blocks of a stage but the first as one `ScannedBlocks`."""
    known = {id(tensor): tensor for tensor in model.inputs}
    for ends in stages(model):
        first = replay(ends[0], known)
        blocks = []
        for begin, end in itertools.pairwise(ends):
            inputs = [keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype) for tensor in begin]
            blocks.append(keras.Model(inputs, replay(end, dict(zip(map(id, begin), inputs, strict=True)))))
        known.update(zip(map(id, ends[-1]), ScannedBlocks(blocks)(first), strict=True))
    return keras.Model(model.inputs, replay(model.outputs, known), name=model.name)


def stages(model: keras.Model) -> list[list[list[keras.KerasTensor]]]:
    """Returns what every block of every stage gives: its features and, where its attention has some, its states."""
    layers = {layer.name: layer for layer in model.layers}
    found = []
    for number in itertools.takewhile(lambda i: f"stage{i}_output" in layers, itertools.count(1)):
        inner = itertools.takewhile(layers.get, (f"stage{number}_block{i}_output" for i in itertools.count(1)))
        features = [layers[name].output for name in (*inner, f"stage{number}_output")]
        unit = layers.get(f"stage{number}_attention")
        nodes = unit._inbound_nodes if isinstance(unit, RecurrentAttention) else [None] * len(features)
        states = [node.outputs[1:] if node else [] for node in nodes]
        found.append([[tensor, *state] for tensor, state in zip(features, states, strict=True)])
    return found


def replay(tensors, known: dict[int, keras.KerasTensor]) -> list[keras.KerasTensor]:
    """Calls the layers that lead from known tensors to others once more; both are those of the first call."""
    for tensor in tensors:
        if id(tensor) not in known:
            layer, index, _ = tensor._keras_history
            node = layer._inbound_nodes[index]
            replay(node.input_tensors, known)
            args, kwargs = node.arguments.fill_in(known)
            outputs = keras.tree.flatten(layer(*args, **kwargs))
            known.update(zip(map(id, node.outputs), outputs, strict=True))
    return [known[id(tensor)] for tensor in tensors]


@click.command(help=__doc__)
@click.argument("entry", default="dia_resnet164_cifar100")
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1))
@click.option("--steps", default=5, show_default=True, type=click.IntRange(1))
@click.option("--precision", default="float32", show_default=True, type=click.Choice(["float32", "mixed_bfloat16"]))
@without_traceback
def main(entry: str, batch: int, steps: int, precision: str):
    if keras.backend.backend() != "jax":
        raise click.ClickException("Only JAX compiles the whole step: set KERAS_BACKEND=jax.")
    keras.config.set_dtype_policy(precision)
    card = zoo.card(entry)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (batch, *card.dataset.image_size, 3), np.uint8)
    targets = keras.utils.to_categorical(random.integers(0, len(card.labels), batch), len(card.labels))
    recipe = Recipe(entry, 2, batch_size=batch, schedule="steps", milestones=(1,))

    seconds: dict[str, list[float]] = {"as it is": [], "scanned": []}
    models, after_first = {}, {}
    for name in seconds:
        keras.utils.set_random_seed(0)
        model = zoo.load(entry, weights=None, classifier_activation=None)
        models[name] = scanned(model) if name == "scanned" else model
        compile_for(models[name], recipe, steps_per_epoch=100 * steps)
        seconds[name].append(timed(models[name], images, targets))
        after_first[name] = model.get_weights()
    for _, (name, model) in itertools.product(range(steps), models.items()):
        seconds[name].append(timed(model, images, targets))

    difference = max(float(np.abs(a - b).max()) for a, b in zip(*after_first.values(), strict=True))
    found = {
        name: {"first_step_seconds": first, "step_seconds": statistics.median(later)}
        for name, (first, *later) in seconds.items()
    }
    for name, values in found.items():
        print(f"{name}: first step {values['first_step_seconds']:.1f} s, later {values['step_seconds']:.2f} s")
    print(f"Largest difference of weights after one step: {difference:.1e}")
    RESULTS.mkdir(exist_ok=True)
    record = {"entry": entry, "batch_size": batch, "precision": precision, "steps": steps}
    write_json(
        RESULTS / f"{entry}-{precision}.json", {**record, "max_difference": difference, **found, "run": describe_run()}
    )


def timed(model: keras.Model, images, targets) -> float:
    """Returns the seconds of one training step."""
    began = time.perf_counter()
    model.train_on_batch(images, targets)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
