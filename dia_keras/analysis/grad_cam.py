"""Grad-CAM: where in an image a network finds its answer (Fig. 6)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import keras
import numpy as np
from keras import ops

from ..backbones import stage_outputs
from ..figure_text import as_is
from ..inference.ending import final_activation
from .checks import check_inputs, check_layer, check_logits, check_models
from .features import axes_of, features_and_gradients
from .layer_by_layer import logits, nodes_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ClassActivation(NamedTuple):
    """What Grad-CAM finds in n images.

    Attributes:
        maps: How much every place speaks for the class, float32 `(n, height, width)` of the layer; not negative.
        classes: The class of each map, `(n,)`.
        probabilities: What the network gives for it, `(n,)`.
    """

    maps: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray


def class_activation(
    model: keras.Model, images, layer: str | None = None, classes: int | Sequence[int] | None = None
) -> ClassActivation:
    """Computes Grad-CAM (Selvaraju et al., https://arxiv.org/abs/1610.02391).

        a_k = mean over places of d score / d A_k,    map = ReLU(sum over k of a_k A_k)

    A is what the layer gives, k its channels. The score is that of the class before the softmax.

    Args:
        model: Functional model from images to logits or probabilities of classes.
        images: Images as the model takes them, `(n, height, width, channels)`: for the zoo, 0 to 255.
        layer: Name of a layer that gives feature maps. Default: `stage<k>_output` of the last stage.
        classes: Class of all images, or of each. Default: the likeliest of each.

    Returns:
        A `ClassActivation`.

    Raises:
        ValueError: If the model is not functional, has no such layer or no such class, or answers with scores that are
            not finite, or the images do not fit it.

    Example:

    >>> model = dia_keras.zoo.load("dia_resnet20_cifar100")
    >>> images, labels = dia_keras.samples.load_samples("cifar100")
    >>> class_activation(model, images).maps.shape
    (5, 8, 8)
    """
    model, images = check_inputs(model, images)
    layer = last_stage(model) if layer is None else layer
    check_layer(model, layer)
    scores = ops.convert_to_numpy(logits(model, images)).astype("float32")
    check_logits(model, scores)
    if not np.isfinite(scores).all():
        wrong = int((~np.isfinite(scores)).any(axis=1).sum())
        raise ValueError(
            f"`model` must answer with finite scores. Received: NaN or infinity for {wrong} of {len(scores)} images"
        )
    chosen = _classes(classes, scores)
    hot = np.eye(scores.shape[1], dtype="float32")[chosen]
    # Images do not see each other, so that the gradient of the sum has the gradient of each.
    features, gradients = features_and_gradients(
        model, images, [layer], lambda logits: ops.sum(ops.multiply(ops.cast(logits, "float32"), hot))
    )
    channel_axis, places = axes_of(model)
    weights = gradients[layer].mean(axis=places, keepdims=True)
    maps = np.maximum((weights * features[layer]).sum(axis=channel_axis), 0)
    return ClassActivation(
        maps, chosen, _probabilities(scores, final_activation(model))[np.arange(len(chosen)), chosen]
    )


def last_stage(model: keras.Model) -> str:
    """Returns the name of the layer that a network's last stage ends in.

    Raises:
        ValueError: If it has no stages.
    """
    try:
        return f"{list(stage_outputs(model))[-1]}_output"
    except ValueError:
        single = [node for node in nodes_of(model) if not node.is_input and len(node.outputs) == 1]
        maps = [node.operation.name for node in single if len(node.outputs[0].shape) == 4]
        hint = f", such as {maps[-1]!r}" if maps else ""
        raise ValueError(
            "`layer` must be the name of a layer that gives feature maps, since the model is not a network of "
            f"dia_keras.backbones, with stages{hint}. Received: layer=None"
        ) from None


def plot_grad_cam(
    models: Mapping[str, keras.Model],
    images,
    layer: str | None = None,
    classes: int | Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
) -> "Figure":
    """Draws images, and below them the places that speak for the answers of networks (Fig. 6).

    Args:
        models: The networks by their names: a row for each.
        images: Images of values 0 to 255, `(n, height, width, channels)`: a column for each. All but RGB images are
            drawn in gray.
        layer: Name of a layer, see `class_activation`.
        classes: Class of all images, or of each, see `class_activation`.
        labels: Names of the classes.
        titles: A title for each image, such as its true class.

    Returns:
        A matplotlib figure. Each map is drawn relative to its own largest value.

    Raises:
        ValueError: If `models` is not a dict of models, `labels` are not a name for each class, or `titles` not one for
            each image; see also `class_activation`.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    check_models(models)
    for name, model in models.items():
        if labels is not None and len(labels) != check_inputs(model, images)[0].outputs[0].shape[-1]:
            raise ValueError(f"`labels` must be a name for each class of {name!r}. Received: labels={labels!r}")
    activations = {name: class_activation(model, images, layer, classes) for name, model in models.items()}
    first_axis, _ = axes_of(next(iter(models.values())))
    pictures = _pictures(images, first_axis)
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"`titles` must be one for each of {len(pictures)} images. Received: titles={titles!r}")
    rows = 1 + len(activations)
    figure = Figure(figsize=(1.5 + 1.6 * len(pictures), 0.6 + 1.85 * rows), layout="constrained")
    grid = figure.subplots(rows, len(pictures), squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    above = [""] * len(pictures) if titles is None else map(str, titles)
    for axes, picture, title in zip(grid[0], pictures, above, strict=True):
        axes.imshow(picture)
        axes.set_title(as_is(title), fontsize=8)
    grid[0, 0].set_ylabel("image", fontsize=8)
    for row, (name, activation) in zip(grid[1:], activations.items(), strict=True):
        row[0].set_ylabel(as_is(name), fontsize=8)
        for axes, picture, heat, number, probability in zip(row, pictures, *activation, strict=True):
            extent = (-0.5, picture.shape[1] - 0.5, picture.shape[0] - 0.5, -0.5)
            axes.imshow(picture)
            axes.imshow(
                heat / (heat.max() or 1),
                cmap="inferno",
                alpha=0.6,
                vmin=0,
                vmax=1,
                extent=extent,
                interpolation="bilinear",
            )
            label = labels[number] if labels is not None else f"class {number}"
            axes.set_title(as_is(f"{label} {probability:.0%}"), fontsize=8)
    # Not of the maps that are drawn, through which the images are seen.
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), "inferno"), ax=grid[1:], shrink=0.8)
    bar.set_label("for the class, relative to\nthe largest value of the map", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(as_is(f"Grad-CAM at {layer or 'the last stage'}"), fontsize=10)
    return figure


def _classes(classes, scores: np.ndarray) -> np.ndarray:
    if scores.ndim != 2:
        raise ValueError(f"`model` must give (n, classes). Received: a model that gives {scores.shape}")
    if classes is None:
        return scores.argmax(axis=1)
    chosen = np.asarray(classes)
    numbers = range(scores.shape[1])
    if chosen.shape not in ((), (len(scores),)) or any(number not in numbers for number in chosen.reshape(-1)):
        raise ValueError(
            f"`classes` must be a number from 0 to {len(numbers) - 1}, or one for each of the {len(scores)} images. "
            f"Received: classes={classes!r}"
        )
    return np.broadcast_to(chosen, len(scores)).astype(np.int64)


def _probabilities(scores: np.ndarray, activation: str | None) -> np.ndarray:
    """Returns what the network's sigmoid or softmax makes of logits; of a network without, that of the usual kind."""
    if activation == "sigmoid" or (activation is None and scores.shape[1] == 1):
        return ops.convert_to_numpy(ops.sigmoid(scores))
    return ops.convert_to_numpy(ops.softmax(scores))


def _pictures(images, channel_axis: int) -> np.ndarray:
    """Returns images as matplotlib draws them in their own colors: the mean of the channels, in gray, unless RGB."""
    pictures = np.asarray(images)
    if channel_axis == 1:
        pictures = pictures.transpose(0, 2, 3, 1)
    if pictures.shape[-1] != 3:
        pictures = np.repeat(pictures.astype("float32").mean(axis=-1, keepdims=True), 3, axis=-1)
    return np.clip(pictures, 0, 255).astype(np.uint8)
