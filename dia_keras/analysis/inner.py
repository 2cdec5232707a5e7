"""A network run layer by layer, so that what a layer gives can be seen, and changed on the way.

This reaches every layer of a network, also those within a stage, whose attention carries a state past the features: no
model of Keras begins in the middle of them.
"""

import functools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops, tree

from ..inference.copies import as_functional, is_functional
from ..inference.ending import activation_of, is_activation, last_node, last_operation
from ..messages import did_you_mean
from ..units.attention_module import image_axes
from .gradients import gradient, untracked


class Call(NamedTuple):
    """A call of a layer within a network.

    Attributes:
        node: Keras' node of the call, of which a shared layer has several.
        args: Positional arguments, tensors.
        kwargs: Keyword arguments.
    """

    node: Any
    args: tuple
    kwargs: dict[str, Any]

    @property
    def layer(self):
        """The layer."""
        return self.node.operation

    def argument(self, position: int, name: str):
        """Returns an argument by its position or its name, or `None`."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name)


#: Takes a call and its outputs, and returns what the rest of the network gets as its outputs.
Change = Callable[[Call, Any], Any]


def checked(model: keras.Model, images) -> tuple[keras.Model, np.ndarray]:
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


def checked_labels(model: keras.Model, labels, number: int) -> np.ndarray:
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


def nodes_of(model: keras.Model) -> list[Any]:
    """Returns Keras' nodes of a functional model, one a call, in an order in which they can be computed."""
    return [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]


def logits(model: keras.Model, images, change: Change | None = None, training: bool = False):
    """Returns the outputs of a network before its last softmax or sigmoid.

    Args:
        model: Functional model with one input and one output, see `checked`.
        images: Images as the model takes them, `(n, height, width, channels)`.
        change: Sees every call of a layer and its outputs, and returns what the others get in their place.
        training: Whether batch norms use the statistics of the batch, and dropout drops.

    Returns:
        A tensor of the shape of the model's output: `(n, classes)`.
    """
    return _logits(model, [images], model.outputs[0], change, training)


def _logits(model: keras.Model, inputs: Sequence[Any], output, change: Change | None, training: bool):
    """Returns the value of one of a model's outputs before its last softmax or sigmoid."""
    nodes = nodes_of(model)
    last, number = last_node(output)
    # Features that nobody reads any more are let go.
    readers = Counter([id(tensor) for node in nodes for tensor in node.input_tensors] + [id(output)])
    values = {
        id(tensor): ops.convert_to_tensor(value, tensor.dtype)
        for tensor, value in zip(model.inputs, inputs, strict=True)
    }
    for node in nodes:
        if node.is_input:
            continue
        args, kwargs = node.arguments.fill_in(values)
        if getattr(node.operation, "_call_has_training_arg", False):
            kwargs = {**kwargs, "training": training}
        call = Call(node, args, kwargs)
        outputs = _before_activation(call, number, training) if node is last else node.operation(*args, **kwargs)
        if change is not None:
            outputs = change(call, outputs)
        values.update(zip(map(id, node.outputs), tree.flatten(outputs), strict=True))
        for tensor in node.input_tensors:
            readers[id(tensor)] -= 1
            if not readers[id(tensor)]:
                values.pop(id(tensor), None)
    return values[id(output)]


def _before_activation(call: Call, number: int, training: bool):
    """Returns the outputs of the last layer, or of the last model within the model, without softmax or sigmoid.

    Of a model of several outputs, that of this number alone is computed: the network ends in it.
    """
    layer = call.layer
    if is_functional(layer):
        inner = as_functional(layer)
        given = {name: value for name, value in call.kwargs.items() if name not in ("mask", "training")}
        outputs: list[Any] = [None] * len(inner.outputs)
        inputs = tree.flatten((call.args, given))
        outputs[number] = _logits(inner, inputs, inner.outputs[number], None, training)
        return outputs
    if activation_of(layer) not in ("softmax", "sigmoid"):
        return layer(*call.args, **call.kwargs)
    if is_activation(layer) or isinstance(layer, keras.layers.Activation):
        return tree.flatten((call.args, call.kwargs))[0]
    activation = layer.activation
    layer.activation = keras.activations.linear
    try:
        return layer(*call.args, **call.kwargs)
    finally:
        layer.activation = activation


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
    if (scores >= 0).all() and (scores <= 1).all() and (sum_to_one or not _is_layer_of_keras(last)):
        raise ValueError(f"{rule} Received: a model whose probabilities pass through {last.name!r}")


def _is_layer_of_keras(operation) -> bool:
    """Returns whether an operation is a layer of Keras, which makes no probabilities but by its activation."""
    is_of_keras = type(operation).__module__.startswith("keras.")
    return is_of_keras and isinstance(operation, keras.layers.Layer) and not isinstance(operation, keras.layers.Lambda)


def axes_of(model: keras.Model) -> tuple[int, tuple[int, int]]:
    """Returns the axis of the channels and the two spatial axes of a model's features, whatever Keras' setting is."""
    formats = (getattr(layer, "data_format", None) for layer in model._flatten_layers())
    _, channels, places = image_axes(next(filter(None, formats), None))
    return channels, places


def features_and_gradients(
    model: keras.Model,
    images,
    names: Collection[str],
    value: Callable[[Any], Any],
    training: bool = False,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns what layers give, and the gradient of a value with respect to it. The model stays as it is.

    Args:
        model: Functional model, see `checked`.
        images: Images as the model takes them.
        names: Names of layers that are called once and give one tensor: see `check_layer`.
        value: Maps the logits, a tensor `(n, classes)`, to a scalar.
        training: Whether batch norms use the statistics of the batch, and dropout drops.

    Returns:
        `(features, gradients)`: each an array a name, of the shape of the layer's output, float32.

    Raises:
        ValueError: See `check_logits`.
    """
    features: dict[str, Any] = {}

    def see(call, outputs):
        if call.layer.name in names:
            features[call.layer.name] = ops.convert_to_numpy(ops.cast(outputs, "float32"))
        return outputs

    def value_with(offsets, scale):
        def add(call, outputs):
            if call.layer.name not in names:
                return outputs
            return outputs + ops.cast(offsets[call.layer.name], outputs.dtype)

        return value(logits(model, images, add, training)) * scale

    # The gradient with respect to an offset of zero is that with respect to the features.
    # In the scope, batch norms keep their moving statistics.
    with keras.StatelessScope():
        with untracked():
            check_logits(model, ops.convert_to_numpy(ops.cast(logits(model, images, see, training), "float32")))
        zeros = {name: np.zeros_like(features[name]) for name in names}
        for scale in _scales(model):
            scaled = gradient(functools.partial(value_with, scale=scale), zeros)
            if all(np.isfinite(values).all() for values in scaled.values()):
                break
    return features, {name: values / scale for name, values in scaled.items()}


def _scales(model: keras.Model) -> tuple[float, ...]:
    """Returns what a value is multiplied by before its gradient is taken, the next where one is too large.

    In float16, small gradients would become zero.
    """
    has_float16 = any(layer.compute_dtype == "float16" for layer in model._flatten_layers())
    return (2.0**16, 2.0**12, 2.0**8, 2.0**4, 1.0) if has_float16 else (1.0,)


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
