"""The gradient that reaches the output of each stage, with and without skip connections (Fig. 9)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from ..backbones import stage_outputs
from ..figure_text import as_is
from ..inference.ending import final_activation
from .blocks import sums
from .checks import check_inputs, check_labels, check_models
from .features import features_and_gradients

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def stage_gradients(model: keras.Model, images, labels, training: bool = True) -> dict[str, np.ndarray]:
    """Returns the absolute gradient of the loss with respect to the output of each stage.

    The loss is the cross-entropy of a softmax, averaged over the batch. Weights and statistics stay as they are.

    Args:
        model: Network of `dia_keras.backbones`, from images to logits or probabilities.
        images: A batch of images as the model takes them, `(n, height, width, channels)`.
        labels: Their classes, integers `(n,)`.
        training: Whether batch norms use the statistics of the batch, and dropout drops, as in a training step.

    Returns:
        Array `(n, height, width, channels)` of the stage's output, not negative, by `"stage1"`, `"stage2"`, ...

    Raises:
        ValueError: If the model has no stages, or ends in a sigmoid, or images or labels do not fit it.
    """
    model, images = check_inputs(model, images)
    if final_activation(model) == "sigmoid":
        raise ValueError("`model` must end in a softmax or give logits. Received: a model that ends in a sigmoid")
    stages = list(stage_outputs(model))
    labels = check_labels(model, labels, len(images))

    def loss(logits):
        logits = ops.cast(logits, "float32")
        return ops.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))

    names = [f"{stage}_output" for stage in stages]
    _, gradients = features_and_gradients(model, images, names, loss, training)
    return {stage: np.abs(gradients[name]) for stage, name in zip(stages, names, strict=True)}


def plot_gradients(
    models: Mapping[str, keras.Model], images, labels, training: bool = True, title: str = "gradient of the loss"
) -> "Figure":
    """Draws the distribution of the gradient at the output of each stage, for several networks (Fig. 9).

    Args:
        models: Networks of `dia_keras.backbones` of equally many stages, by their names. Names that are the same up to
            a comma have one color. The lines of networks without skip connections are dashed.
        images: A batch of images as the models take them, `(n, height, width, channels)`.
        labels: Their classes, integers `(n,)`.
        training: See `stage_gradients`.
        title: Title of the figure.

    Returns:
        A matplotlib figure, a panel for each stage. Values of exactly zero are not in the lines, which have a
        logarithmic axis, but in the means; a network that exploded has the mean `nan`.

    Raises:
        ValueError: If the networks do not have equally many stages; see also `stage_gradients`.
    """
    from matplotlib.figure import Figure

    check_models(models)
    gradients = {name: stage_gradients(model, images, labels, training) for name, model in models.items()}
    if len({len(by_stage) for by_stage in gradients.values()}) != 1:
        numbers = ", ".join(f"{len(by_stage)} for {name!r}" for name, by_stage in gradients.items())
        raise ValueError(f"`models` must be networks of equally many stages. Received: stages: {numbers}")
    dashed = {name for name, model in models.items() if not sums(check_inputs(model, images)[0])}
    colors = list(dict.fromkeys(name.split(",")[0] for name in gradients))
    panels = list(next(iter(gradients.values())))
    shown = {name: {stage: _logarithms(by_stage[stage]) for stage in panels} for name, by_stage in gradients.items()}
    ends = [
        np.percentile(values, (0.1, 99.9)) for by_stage in shown.values() for values in by_stage.values() if values.size
    ]
    low, high = (np.min(ends) - 0.2, np.max(ends) + 0.2) if ends else (-1, 0)
    bins = np.linspace(low, high, 61)
    figure = Figure(figsize=(1 + 3.6 * len(panels), 3.2 + 0.22 * len(gradients)), layout="constrained")
    for axes, stage in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, by_stage in shown.items():
            share = np.histogram(by_stage[stage], bins)[0] / max(1, gradients[name][stage].size)
            axes.stairs(
                100 * share,
                10**bins,
                label=f"{as_is(name)}: mean {gradients[name][stage].mean():.1e}",
                color=f"C{colors.index(name.split(',')[0])}",
                linestyle="--" if name in dashed else "-",
                linewidth=1.4,
            )
        axes.set_xscale("log")
        axes.set_title(f"output of {stage.replace('stage', 'stage ')}", fontsize=9)
        axes.set_xlabel("absolute gradient", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)
    figure.axes[0].set_ylabel("values (%)", fontsize=9)
    figure.suptitle(f"{as_is(title)}, {len(np.asarray(images))} images", fontsize=10)
    return figure


def _logarithms(gradients: np.ndarray) -> np.ndarray:
    """Returns the decadic logarithms of values that are positive and finite."""
    return np.log10(gradients[np.isfinite(gradients) & (gradients > 0)])
