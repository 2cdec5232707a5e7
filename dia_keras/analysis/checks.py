"""Checks of what the analyses take: networks, images, labels, layers, and scores that must be logits."""

from collections.abc import Mapping

import keras
import numpy as np

from ..inference.copies import as_functional, is_functional
from ..inference.ending import activation_of, last_node, last_operation
from ..messages import did_you_mean
from .layer_by_layer import nodes_of


def check_inputs(model: keras.Model, images) -> tuple[keras.Model, np.ndarray]:
    """Returns a model as a functional one, and the images as an array.

    Raises:
        ValueError: If the model is not functional, with one input and one output, or the images do not fit it.
    """
    if not is_functional(model) or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"`model` must be a functional `keras.Model` with one input and one output. Received: model={model!r}"
        )
    images, shape = np.asarray(images), model.inputs[0].shape
    fits = images.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape[1:], images.shape[1:], strict=True))
    if not fits or not len(images):
        sides = ", ".join(str(n or "any") for n in shape[1:])
        raise ValueError(f"`images` must have shape (n, {sides}). Received: images of shape {images.shape}")
    return as_functional(model), images


def check_labels(model: keras.Model, labels, number: int) -> np.ndarray:
    """Returns the classes of so many images as an array.

    Raises:
        ValueError: If they are not integers, one for each image, that number the outputs; or the model has one output,
            or no classifier.
    """
    labels, shape = np.asarray(labels), model.outputs[0].shape
    if len(shape) != 2:
        raise ValueError(f"`model` must give (n, classes). Received: a model that gives {tuple(shape)}")
    classes = shape[-1]
    if classes < 2:
        raise ValueError(f"`model` must answer with two classes or more. Received: model={model!r}, with {classes}")
    fits = labels.shape == (number,) and np.issubdtype(labels.dtype, np.integer)
    if not fits or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"`labels` must be {number} integers from 0 to {classes - 1}, one for each image. "
            f"Received: labels={labels!r}"
        )
    return labels


def check_models(models) -> None:
    """Checks that models are given by their names.

    Raises:
        ValueError: If they are not.
    """
    if not isinstance(models, Mapping) or not models or not all(isinstance(name, str) for name in models):
        raise ValueError(f"`models` must be a dict of one model or more by their names. Received: models={models!r}")


def check_layer(model: keras.Model, name: str) -> None:
    """Checks that a layer of a model gives feature maps, and is called once.

    Raises:
        ValueError: If there is no such layer, or it does not.
    """
    nodes = nodes_of(model)
    calls = [node for node in nodes if node.operation.name == name and not node.is_input]
    if not calls:
        names = [node.operation.name for node in nodes if not node.is_input]
        hint = did_you_mean(name, names)
        raise ValueError(f"`layer` must be the name of a layer of the model.{hint} Received: layer={name!r}")
    shapes = [tuple(tensor.shape) for tensor in calls[0].outputs]
    if len(calls) > 1 or len(shapes) > 1 or len(shapes[0]) != 4:
        raise ValueError(
            "`layer` must be called once and give feature maps. "
            f"Received: layer={name!r}, which is called {len(calls)} times and gives {', '.join(map(str, shapes))}"
        )


def check_logits(model: keras.Model, scores: np.ndarray) -> None:
    """Checks that what `logits` returns are logits.

    Raises:
        ValueError: If they may be probabilities: the model ends in an operation that hides its softmax or sigmoid, or
            in an activation that is not Keras' own softmax or sigmoid.
    """
    last = last_operation(model)
    if activation_of(last) is not None:
        return
    rule = "`model` must end in Keras' own softmax or sigmoid, or give logits."
    if (activation := getattr(last, "activation", None)) is not None:
        name = getattr(activation, "__name__", None) or type(activation).__name__
        raise ValueError(f"{rule} Received: a model that ends in {last.name!r}, with the activation {name!r}")
    sum_to_one = scores.shape[-1] > 1 and np.allclose(scores.sum(axis=-1), 1, atol=1e-2)
    are_shares = (scores >= 0).all() and (scores <= 1).all() and (sum_to_one or not _is_weighted_sum(last))
    if are_shares or _reaches_probabilities(model.outputs[0]):
        raise ValueError(f"{rule} Received: a model whose probabilities pass through {last.name!r}")


def _is_weighted_sum(operation) -> bool:
    """Returns whether an operation is a layer with a kernel, as dense layers and convolutions are."""
    return hasattr(operation, "kernel")


def _reaches_probabilities(answer) -> bool:
    """Returns whether a tensor of scores, `(n, classes)`, is computed from a softmax or a sigmoid of such scores.

    It goes back through what has no weights, such as a concatenation of several heads.
    """
    if len(answer.shape) != 2:
        return False
    node, number = last_node(answer)
    operation = node.operation
    if activation_of(operation) in ("softmax", "sigmoid"):
        return True
    if is_functional(operation) and _reaches_probabilities(operation.outputs[number]):
        return True
    has_weights = bool(getattr(operation, "weights", ()))
    return not has_weights and any(map(_reaches_probabilities, node.input_tensors))
