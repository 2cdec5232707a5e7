"""The accuracy that is lost when a block is removed: the dynamical-systems view of section 1.

There a block is a step, x + f(x), and a network of many small steps loses little by one that is left out.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops, tree

from ..arguments import positive_integer
from ..figure_text import as_is
from ..progress import track
from ..units.stage_units import carries_state
from .blocks import Block, find_attention_calls, sums
from .checks import check_inputs, check_labels, check_models
from .gradients import untracked
from .layer_by_layer import Call, Change, logits

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def without_block(model: keras.Model, block: Block) -> Change:
    """Returns the change to a network, for `layer_by_layer.logits`, that replaces a block by its shortcut.

    Where the blocks of a stage hand on a state, the removed one hands on the state that it got.

    Args:
        model: Functional network of `dia_keras.backbones` with skip connections.
        block: The block.

    Raises:
        ValueError: If there is no such block, or the model was rewritten for inference.
    """
    added = sums(model)
    if block not in added.values():
        places = ", ".join(map(str, added.values())) or "none, without skip connections"
        raise ValueError(f"`block` must be one of the model's: {places}. Received: block={block!r}")
    attentions = find_attention_calls(model)

    def change(call: Call, outputs):
        if added.get(call.layer.name) == block:
            shortcut, _ = call.argument(0, "inputs")
            return shortcut
        if attentions.get(id(call.node)) == block and carries_state(call.layer):
            features, after = outputs
            before = call.argument(1, "states")
            if before is None:  # the first block, before which there is the initial state
                before = _initial_state(call.layer, features, after)
            return features, before
        return outputs

    return change


def _initial_state(layer, features, states):
    """Returns the state before the first block: that of the cell, or zeros for a layer that is not of a cell."""
    if hasattr(layer, "cell"):
        return layer.cell.get_initial_state(batch_size=features.shape[0])
    return tree.map_structure(ops.zeros_like, states)


def accuracy_without_blocks(
    model: keras.Model, images, labels, batch_size: int = 50
) -> tuple[float, dict[Block, float]]:
    """Returns the top-1 accuracy of a network, and that which it has left without each of its blocks.

    Args:
        model: Network of `dia_keras.backbones` with skip connections, from images to logits or probabilities.
        images: Images as the model takes them, `(n, height, width, channels)`.
        labels: Their classes, integers `(n,)`.
        batch_size: Number of images per batch.

    Returns:
        `(accuracy, without)`: from 0 to 1; `without` by `Block(stage, number)`. Scores that are not finite are wrong.

    Raises:
        ValueError: If the model has no skip connections or was rewritten for inference, images or labels do not fit
            it, or `batch_size` is not positive.
    """
    model, images = check_inputs(model, images)
    batch_size = positive_integer("batch_size", batch_size)
    labels = check_labels(model, labels, len(images))
    blocks = list(sums(model).values())
    if not blocks:
        raise ValueError(f"`model` must have blocks with skip connections. Received: model={model!r}")

    def accuracy(change: Change | None) -> float:
        right = 0
        with untracked():
            for begin in range(0, len(images), batch_size):
                part = slice(begin, begin + batch_size)
                scores = ops.convert_to_numpy(logits(model, images[part], change))
                # Without a block, a network may overflow. The largest of scores that are NaN would be the first.
                right += int(((scores.argmax(axis=1) == labels[part]) & np.isfinite(scores).all(axis=1)).sum())
        return right / len(images)

    without = {block: accuracy(without_block(model, block)) for block in track(blocks, "Removing blocks")}
    return accuracy(None), without


def plot_lesions(models: Mapping[str, keras.Model], images, labels) -> "Figure":
    """Draws the accuracy that networks lose when one block is removed, a panel for each network.

    Args:
        models: Networks of `dia_keras.backbones` with skip connections, by their names.
        images: Images as the models take them, `(n, height, width, channels)`.
        labels: Their classes, integers `(n,)`.

    Returns:
        A matplotlib figure, a bar for each block.

    Raises:
        ValueError: See `accuracy_without_blocks`.
    """
    from matplotlib.figure import Figure

    check_models(models)
    accuracies = {name: accuracy_without_blocks(model, images, labels) for name, model in models.items()}
    widest = max(len(without) for _, without in accuracies.values())
    figure = Figure(figsize=(max(6, min(14, 1.5 + 0.5 * widest)), 0.5 + 2.6 * len(accuracies)), layout="constrained")
    for (axes,), (name, (whole, without)) in zip(
        figure.subplots(len(accuracies), 1, squeeze=False), accuracies.items(), strict=True
    ):
        lost = [100 * (whole - left) for left in without.values()]
        stages = [block.stage for block in without]
        for stage in sorted(set(stages)):
            own = [i for i, block_stage in enumerate(stages) if block_stage == stage]
            bars = axes.bar(own, [lost[i] for i in own], color=f"C{stage - 1}", label=f"stage {stage}")
            if len(lost) <= 20:
                axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=7)
        axes.set_xticks(range(len(lost)), [str(block) for block in without], rotation=90 if len(lost) > 20 else 0)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.margins(x=0.01, y=0.15)
        axes.set_title(f"{as_is(name)}: {100 * whole:.1f}% of {len(labels)} images right with all blocks", fontsize=9)
        axes.set_ylabel("points lost", fontsize=9)
        axes.tick_params(labelsize=7)
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.set_xlabel("block that is removed (stage.block)", fontsize=9)
    return figure
