"""The last activation of a network, which makes probabilities of its logits."""

from typing import Any

import keras

from .copies import is_functional

#: The activations that say how to read predictions.
ACTIVATIONS = ("sigmoid", "softmax", "linear")


def last_node(answer) -> tuple[Any, int]:
    """Returns Keras' node that computes a tensor, and the index of its output.

    What only passes values on, as where it casts them, is passed over.
    """
    while True:
        operation, number, output = answer._keras_history
        node = operation._inbound_nodes[number]
        if not _passes_on(node):
            return node, output
        answer = node.input_tensors[0]


def _passes_on(node) -> bool:
    operation = node.operation
    if isinstance(operation, (keras.layers.Identity, keras.layers.Dropout)) or _is_of_keras(operation, "Cast"):
        return True
    if isinstance(operation, (keras.layers.Flatten, keras.layers.Reshape)) or _is_of_keras(operation, "Reshape"):
        return [tensor.shape for tensor in node.input_tensors] == [tensor.shape for tensor in node.outputs]
    return isinstance(operation, keras.layers.Activation) and activation_of(operation) == "linear"


def last_operation(model: keras.Model):
    """Returns the operation that a network's first output comes from, also where that is within a model within it."""
    return _last_node_of(model).operation


def _last_node_of(model: keras.Model):
    answer = model.outputs[0]
    while True:
        node, number = last_node(answer)
        if not is_functional(node.operation):
            return node
        answer = node.operation.outputs[number]


def last_activation(model: keras.Model) -> str | None:
    """Returns what a model ends in, one of `ACTIVATIONS`, or `None` for anything else.

    It is `"linear"` where nothing follows a layer that could have an activation. Of a model that is not a graph of
    layers, its last layer decides.
    """
    if not getattr(model, "outputs", None):
        return activation_of(model.layers[-1]) if model.layers else None
    return activation_of(last_operation(model))


def final_activation(model: keras.Model) -> str | None:
    """Returns the activation that makes a network's probabilities, `"softmax"` or `"sigmoid"`; `None` without one."""
    activation = activation_of(last_operation(model))
    return None if activation == "linear" else activation


def classifier_activation(model: keras.Model) -> str | None:
    """Returns the activation of a network's layer `classifier`, its own or that of an operation after it.

    It is one of `ACTIVATIONS`; or `None` for anything else, such as two activations or a scaling of the logits.
    """
    node = _last_node_of(model)
    if node.operation.name == "classifier":
        return activation_of(node.operation)
    before = last_node(node.input_tensors[0])[0].operation if node.input_tensors else None
    is_alone = before is not None and before.name == "classifier" and activation_of(before) == "linear"
    return activation_of(node.operation) if is_alone else None


def activation_of(operation) -> str | None:
    """Returns the activation of a layer or an operation, one of `ACTIVATIONS`, or `None` for anything else."""
    if is_activation(operation):
        return type(operation).__name__.lower()
    if hasattr(operation, "recurrent_activation"):  # an LSTM's activation is not its last step
        return None
    activation = getattr(operation, "activation", None)
    return next((name for name in ACTIVATIONS if activation is getattr(keras.activations, name)), None)


def is_activation(operation) -> bool:
    """Returns whether an operation is a sigmoid or a softmax and nothing else, as `keras.ops.softmax` is."""
    return _is_of_keras(operation, "Sigmoid", "Softmax")


def _is_of_keras(operation, *names: str) -> bool:
    return type(operation).__module__.startswith("keras.") and type(operation).__name__ in names
