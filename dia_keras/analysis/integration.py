"""Feature integration: how much each block's attention depends on those of the blocks before (Algorithm 1, Fig. 7)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras
import numpy as np

from ..arguments import LARGEST_SEED, is_integer, positive_integer
from ..figure_text import as_is
from ..progress import track
from .attention_maps import attention_by_stage
from .checks import check_models

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def gini_importance(attention: np.ndarray, trees: int = 100, seed: int = 0) -> np.ndarray:
    """Returns how important the earlier blocks' attention is for a random forest that predicts a later block's.

    For every block t but the first, a forest is fitted to predict h_t from h_1, ..., h_(t-1). The Gini importances of
    a block's channels are summed (Algorithm 1). Scaled by its largest value, a row is one of the paper's Fig. 7.

    Args:
        attention: Attention of a stage, `(images, blocks, channels)`, as `attention_by_stage` returns it.
        trees: Number of trees of a forest.
        seed: Seed of the forests.

    Returns:
        Array `(blocks - 1, blocks - 1)`: row t - 2 has the importance of h_1, ..., h_(t-1) for h_t, which sums to 1,
        and zeros after them. All of it is zero where h_t is the same in all images.

    Raises:
        ValueError: If there are fewer than two images or two blocks, or values that are not finite; or if `trees` is
            not positive, or `seed` out of range.
        ImportError: Without scikit-learn.
    """
    trees = positive_integer("trees", trees)
    if not is_integer(seed, 0, LARGEST_SEED):
        raise ValueError(f"`seed` must be an integer from 0 to {LARGEST_SEED}. Received: seed={seed!r}")
    attention = np.asarray(attention)
    is_numbers = np.issubdtype(attention.dtype, np.number)
    fits = attention.ndim == 3 and min(attention.shape[:2]) >= 2 and attention.shape[2] >= 1
    if not is_numbers or not fits or not np.isfinite(attention).all():
        raise ValueError(
            "`attention` must have shape (images, blocks, channels), with two images and two blocks at least, and "
            f"finite values. Received: attention of shape {attention.shape}, {attention.dtype}"
        )
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError as error:
        raise ImportError('Random forests need scikit-learn: `pip install "dia_keras[analysis]"`.') from error

    # The thresholds of scikit-learn are absolute. A power of two changes nothing else.
    attention = np.ldexp(attention.astype("float64"), -int(np.frexp(np.abs(attention).max())[1]))
    images, blocks, channels = attention.shape
    importances = np.zeros((blocks - 1, blocks - 1))
    for target in track(range(1, blocks), "Fitting forests"):
        forest = RandomForestRegressor(trees, random_state=seed)
        targets = attention[:, target] if channels > 1 else attention[:, target, 0]
        forest.fit(attention[:, :target].reshape(images, target * channels), targets)
        importances[target - 1, :target] = forest.feature_importances_.reshape(target, channels).sum(axis=1)
    return importances


def integration_by_stage(model: keras.Model, images, trees: int = 100, seed: int = 0) -> dict[int, np.ndarray]:
    """Returns the `gini_importance` of a network's attention in each stage of two blocks or more.

    Args:
        model: Network of `dia_keras.backbones` with attention, a DIA unit or modules of its own.
        images: Images as the model takes them, `(n, height, width, channels)`: some hundreds.
        trees: Number of trees of a forest.
        seed: Seed of the forests.

    Returns:
        A dict of the importances, float64 `(blocks - 1, blocks - 1)`, by the number of the stage.

    Raises:
        ValueError: If the model has no attention, or no stage of two blocks or more, or the images do not fit it or are
            fewer than two.
        ImportError: Without scikit-learn.
    """
    if np.ndim(images) and len(images) < 2:
        raise ValueError(f"`images` must be two images or more. Received: {len(images)}")
    stages = {stage: h for stage, h in attention_by_stage(model, images).items() if h.shape[1] > 1}
    if not stages:
        raise ValueError(f"`model` must have a stage of two blocks or more. Received: {model.name!r}")
    return {stage: gini_importance(h, trees, seed) for stage, h in stages.items()}


def plot_integration(models: Mapping[str, keras.Model], images, trees: int = 100, seed: int = 0) -> "Figure":
    """Draws the feature integration of networks, a row for each, a column for each stage (Fig. 7).

    Args:
        models: Networks of `dia_keras.backbones` with attention, a DIA unit or modules of their own, by their names.
        images: Images as the models take them, `(n, height, width, channels)`: some hundreds.
        trees: Number of trees of a forest.
        seed: Seed of the forests.

    Returns:
        A matplotlib figure, see `plot_importances`.

    Raises:
        ValueError: See `integration_by_stage`.
        ImportError: Without scikit-learn.
    """
    check_models(models)
    by_name = {name: integration_by_stage(model, images, trees, seed) for name, model in models.items()}
    return plot_importances(by_name, f"Feature integration by random forests, {len(np.asarray(images))} images")


def plot_importances(by_name: Mapping[str, Mapping[int, np.ndarray]], title: str) -> "Figure":
    """Draws feature integration, a row of panels for each network, a column for each stage (Fig. 7).

    Args:
        by_name: What `integration_by_stage` returns for the networks, by their names.
        title: Title of the figure.

    Returns:
        A matplotlib figure. Each row of a panel is relative to its own largest value. Stages of fewer than two blocks
        are left out.

    Raises:
        ValueError: If there is nothing to draw.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = sorted({stage for importances in by_name.values() for stage in importances})
    if not columns:
        raise ValueError(f"`by_name` must have the importances of one stage or more. Received: by_name={by_name!r}")
    figure = Figure(figsize=(1.2 + 2.6 * len(columns), 0.9 + 2.9 * len(by_name)), layout="compressed")
    grid = figure.subplots(len(by_name), len(columns), squeeze=False)
    for row, (name, importances) in zip(grid, by_name.items(), strict=True):
        for axes, stage in zip(row, columns, strict=True):
            if stage not in importances:
                axes.axis("off")
                continue
            importance = importances[stage]
            most = importance.max(axis=1, keepdims=True)
            relative = np.ma.masked_where(
                np.triu(np.ones_like(importance), 1) > 0, importance / np.where(most, most, 1)
            )
            blocks = len(importance) + 1
            extent = (0.5, blocks - 0.5, blocks + 0.5, 1.5)
            drawn = axes.imshow(relative, vmin=0, vmax=1, cmap="viridis", extent=extent, interpolation="nearest")
            if blocks <= 6:
                for target, source in zip(*np.tril_indices(blocks - 1), strict=True):
                    value = relative[target, source]
                    color = "black" if value > 0.5 else "white"
                    axes.text(source + 1, target + 2, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
            axes.set_title(f"{as_is(name)}\nstage {stage}", fontsize=8)
            axes.set_xlabel("source block n", fontsize=8)
            axes.tick_params(labelsize=7)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(integer=True))
        row[0].set_ylabel("target block t", fontsize=8)
    bar = figure.colorbar(drawn, ax=grid, shrink=0.8)
    bar.set_label("Gini importance of $h_n$ for $h_t$,\nrelative to the row's largest", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(title, fontsize=10)
    return figure
