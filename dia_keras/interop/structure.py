"""Structure of a network, layer by layer. It tells apart networks whose weights have the same names and shapes."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras

# What does not change the answer of a network with given weights.
_IGNORED = {
    "activity_regularizer",
    "beta_initializer",
    "bias_constraint",
    "bias_initializer",
    "bias_regularizer",
    "build_config",
    "dtype",
    "gamma_initializer",
    "kernel_constraint",
    "kernel_initializer",
    "kernel_regularizer",
    "module",
    "momentum",
    "name",
    "optional",
    "registered_name",
    "seed",
    "trainable",
}
# What stands for the layers before the stem, which a network may have or not.
_IMAGES = "the images"


class Layer(NamedTuple):
    """A layer's class, its settings, and the names of the layers that it takes, call by call."""

    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]


def structure_of(model: keras.Model) -> dict[str, Layer]:
    """Returns the layers of a functional model by their names, without those before the stem, and without dropout.

    Raises:
        ValueError: Where the model is not functional.
    """
    config = model.get_config()
    if "input_layers" not in config:
        raise ValueError(f"`target` must be a functional model, as backbones are. Received: target={model!r}")
    stands_for: dict[str, str] = {}
    layers: dict[str, Layer] = {}
    for layer in config["layers"]:
        inputs = tuple(stands_for.get(name, name) for node in layer["inbound_nodes"] for name in _histories(node))
        if not layers and not layer["name"].startswith("stem"):
            stands_for[layer["name"]] = _IMAGES
        elif layer["class_name"] == "Dropout":
            stands_for[layer["name"]] = inputs[0]
        else:
            settings = _settings(layer["config"])
            if layer["name"] == "classifier":
                settings.pop("activation", None)
            layers[layer["name"]] = Layer(layer["class_name"], settings, inputs)
    return layers


def difference(expected: Mapping[str, Layer], given: Mapping[str, Layer]) -> str | None:
    """Returns the first layer in which a network differs from another, in words, or `None`."""
    for name in [*expected, *given]:
        if name not in given or name not in expected:
            return f"{name} is {'missing' if name not in given else 'one layer too many'}"
        ours, theirs = given[name], expected[name]
        if ours.kind != theirs.kind:
            return f"{name} must be of class {theirs.kind}, and is of class {ours.kind}"
        for key in theirs.settings.keys() | ours.settings.keys():
            wanted, has = theirs.settings.get(key), ours.settings.get(key)
            if wanted != has:
                return f"{name} must have {key}={wanted!r}, and has {key}={has!r}"
        if ours.inputs != theirs.inputs:
            pairs = itertools.zip_longest(theirs.inputs, ours.inputs, fillvalue="nothing")
            wanted, has = next(pair for pair in pairs if pair[0] != pair[1])
            return f"{name} must take the output of {wanted}, and takes that of {has}"
    return None


def _settings(config: Any) -> Any:
    if isinstance(config, dict):
        return {key: _settings(value) for key, value in config.items() if key not in _IGNORED}
    return list(map(_settings, config)) if isinstance(config, list | tuple) else config


def _histories(value: Any) -> Iterator[str]:
    """Yields the names of the layers whose outputs are among serialized arguments."""
    if isinstance(value, dict):
        if "keras_history" in value:
            yield value["keras_history"][0]
        else:
            for item in value.values():
                yield from _histories(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _histories(item)
