"""A network run layer by layer, so that what a layer gives can be seen, and changed on the way.

This reaches every layer of a network, also those within a stage, whose attention carries a state past the features: no
model of Keras begins in the middle of them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops, tree

from ..inference.copies import as_functional, is_functional
from ..inference.ending import activation_of, is_activation, last_node


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


def nodes_of(model: keras.Model) -> list[Any]:
    """Returns Keras' nodes of a functional model, one a call, in an order in which they can be computed."""
    return [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]


def logits(model: keras.Model, images, change: Change | None = None, training: bool = False):
    """Returns the outputs of a network before its last softmax or sigmoid.

    Args:
        model: Functional model with one input and one output, see `check_inputs`.
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
