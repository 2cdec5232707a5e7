"""Attention over depth: h_t of every block, and how it changes from block to block."""

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops, tree

from ..arguments import positive_integer
from ..figure_text import as_is
from ..units import AttentionModule, RecurrentAttention
from .blocks import Block, attention_calls
from .checks import check_inputs
from .features import axes_of
from .gradients import untracked
from .layer_by_layer import Call, logits

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def attention_by_stage(model: keras.Model, images, batch_size: int = 50) -> dict[int, np.ndarray]:
    """Returns the attention of all blocks: the factor by which each scales each channel.

    For cells and for modules with one value a channel this is the paper's h_t. For others, such as CBAM, whose values
    also differ from place to place, it is the factor that comes closest to what the module does to the channel: with
    features x and x', sum x x' / sum x x over the places; 0 where a channel is zero everywhere.

    Args:
        model: Network of `dia_keras.backbones` with attention.
        images: Images as the model takes them, `(n, height, width, channels)`.
        batch_size: Number of images per batch.

    Returns:
        An array `(n, blocks, channels)`, float32, for every stage that has attention, by its number.

    Raises:
        ValueError: If the model is not functional or has no attention, the images do not fit it, or `batch_size` is
            not positive.
    """
    model, images = check_inputs(model, images)
    batch_size = positive_integer("batch_size", batch_size)
    blocks = attention_calls(model)
    attentions: dict[Block, list[np.ndarray]] = {block: [] for block in blocks.values()}

    _, places = axes_of(model)

    def see(call: Call, outputs):
        if block := blocks.get(id(call.node)):
            attentions[block].append(ops.convert_to_numpy(ops.cast(_attention(call, outputs, places), "float32")))
        return outputs

    with untracked():
        for begin in range(0, len(images), batch_size):
            logits(model, images[begin : begin + batch_size], see)
    stages = {block.stage for block in attentions}
    whole = {block: np.concatenate(batches) for block, batches in attentions.items()}
    return {stage: np.stack([whole[b] for b in whole if b.stage == stage], axis=1) for stage in sorted(stages)}


def _attention(call: Call, outputs, places: tuple[int, int]):
    """Returns the attention of one call, `(n, channels)`."""
    layer, features = call.layer, tree.flatten((call.args, call.kwargs))[0]
    if isinstance(layer, RecurrentAttention) and type(layer).call is RecurrentAttention.call:
        states = call.argument(1, "states")
        if states is None:
            states = layer.cell.get_initial_state(batch_size=features.shape[0])
        return layer.cell(layer.pool(features), states)[0]
    is_product = isinstance(layer, AttentionModule) and type(layer).call is AttentionModule.call
    if is_product and type(layer).attention is not AttentionModule.attention:
        return ops.mean(layer.attention(features), layer.spatial_axes)
    # Relative to the largest value: the squares of tiny features would be zero.
    size = ops.max(ops.abs(features), places, keepdims=True)
    size = ops.where(size > 0, size, 1)
    x, recalibrated = features / size, tree.flatten(outputs)[0] / size
    squares = ops.sum(x * x, places)
    return ops.sum(x * recalibrated, places) / ops.where(squares > 0, squares, 1)


def plot_attention(model: keras.Model, images, title: str | None = None) -> "Figure":
    """Draws the attention of every block against the channels, and its change from block to block, stage by stage.

    Args:
        model: Network of `dia_keras.backbones` with attention.
        images: Images as the model takes them, `(n, height, width, channels)`; of several, the mean is drawn.
        title: Title of the figure. Default: the model's name.

    Returns:
        A matplotlib figure with a row for each stage that has attention.

    Raises:
        ValueError: See `attention_by_stage`.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    maps = {stage: values.mean(axis=0) for stage, values in attention_by_stage(model, images).items()}
    changes = {stage: np.diff(values, axis=0) for stage, values in maps.items()}
    low, high = (reduce([reduce(values) for values in maps.values()]) for reduce in (np.min, np.max))
    most = max([abs(change).max() for change in changes.values() if change.size], default=0) or 1
    heights = [max(1.3, 0.12 * len(values)) for values in maps.values()]
    figure = Figure(figsize=(10, 1.1 + sum(heights) + 0.5 * len(maps)), layout="constrained")
    grid = figure.subplots(len(maps), 2, squeeze=False, height_ratios=heights)
    for row, stage in zip(grid, maps, strict=True):
        blocks, channels = maps[stage].shape
        for axes, values, first, style in (
            (row[0], maps[stage], 1, {"cmap": "viridis", "vmin": low, "vmax": high}),
            (row[1], changes[stage], 2, {"cmap": "RdBu_r", "vmin": -most, "vmax": most}),
        ):
            axes.set_xlabel("channel", fontsize=8)
            axes.tick_params(labelsize=7)
            if not values.size:
                axes.set(xticks=[], yticks=[], xlabel="")
                axes.text(0.5, 0.5, "one block: no change", ha="center", va="center", transform=axes.transAxes)
                continue
            extent = (-0.5, channels - 0.5, blocks + 0.5, first - 0.5)
            axes.imshow(values, aspect="auto", interpolation="nearest", extent=extent, **style)
            axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
        row[0].set_title(f"stage {stage}: attention", fontsize=9)
        row[1].set_title(f"stage {stage}: change against the block before", fontsize=9)
        row[0].set_ylabel("block", fontsize=8)
    for column, label in ((0, "attention"), (1, "change")):
        drawn = [axes.images[0] for axes in grid[:, column] if axes.images]
        if drawn:
            bar = figure.colorbar(drawn[0], ax=grid[:, column], aspect=40, fraction=0.05)
            bar.set_label(label, fontsize=8)
            bar.ax.tick_params(labelsize=7)
    number = len(np.asarray(images))
    what = "one image" if number == 1 else f"mean of {number} images"
    figure.suptitle(f"{as_is(title or model.name)}: attention over depth, {what}", fontsize=10)
    return figure
