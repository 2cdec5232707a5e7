"""Copies of models that compute in another precision, with the same weights."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import keras

from ..messages import first_sentence
from .copies import as_functional, give_weights, is_functional

#: Keras' policies of precisions other than float32.
OTHERS = ("mixed_bfloat16", "mixed_float16", "bfloat16", "float16", "float64")


def in_float32(model: keras.Model) -> keras.Model:
    """Returns the model that computes in float32 with the weights of `model`: itself, if it already does.

    Raises:
        ValueError: Where a layer cannot be copied.
    """
    if not any(_source_of(layer.dtype_policy.name) in OTHERS for layer in model._flatten_layers()):
        return model
    return _twin(model, "float32", lambda layer: True)


def in_mixed_precision(model: keras.Model, policy: str) -> keras.Model:
    """Returns a model that computes in mixed precision with the weights of `model`, which it keeps in float32.

    Two kinds of layers stay as they are, since half precision would cost digits: those that answer, and those that
    normalize pixel values.

    Args:
        model: A functional model or a `Sequential`.
        policy: Keras' dtype policy, such as `"mixed_bfloat16"`.

    Raises:
        ValueError: Where a layer cannot be copied.
    """
    answering = {id(layer) for layer in _answering_layers(model)}
    scaling = (keras.layers.Rescaling, keras.layers.Normalization)
    return _twin(model, policy, lambda layer: id(layer) not in answering and not isinstance(layer, scaling))


def _answering_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yields the layers that compute the outputs of a model, also where they lie in models within the model."""
    for output in as_functional(model).outputs:
        layer = output._keras_history.operation
        if is_functional(layer):
            yield from _answering_layers(layer)
        else:
            yield layer


def _twin(model: keras.Model, policy: str, is_changed: Callable[[keras.layers.Layer], bool]) -> keras.Model:
    """Returns a copy of a model, with its weights, in which some layers have another dtype policy."""
    made: dict[int, tuple[keras.layers.Layer, keras.layers.Layer]] = {}

    def twin_of(layer):
        if not isinstance(layer, keras.layers.Layer):
            return layer  # An operation, as of `a + b`, has neither weights nor precision.
        if is_functional(layer):
            return clone(layer)
        if id(layer) not in made:  # models within the model may share a layer
            made[id(layer)] = layer, _copied(layer, policy if is_changed(layer) else None, model.name)
        return made[id(layer)][1]

    def clone(network):
        twin = keras.models.clone_model(as_functional(network), clone_function=twin_of)
        twin.dtype_policy = policy
        return twin

    twin = twin_of(model)
    for layer, new in made.values():
        give_weights(new, layer.get_weights())
    return twin


def _copied(layer: keras.layers.Layer, policy: str | None, name: str) -> keras.layers.Layer:
    """Returns a layer of the same configuration with another dtype policy, or with its own, without weights."""
    if isinstance(layer, keras.layers.Lambda):  # whose configuration has its function in another form
        options: dict[str, Any] = {"mask": layer.mask, "arguments": layer.arguments, "name": layer.name}
        return keras.layers.Lambda(layer.function, layer._output_shape, dtype=policy or layer.dtype_policy, **options)
    # Its own layers need not be registered with Keras. Keras' are left out: its layer `Add` is not its operation `Add`.
    kinds = {type(part) for part in layer._flatten_layers(include_self=False)}
    own = {kind.__name__: kind for kind in kinds if not kind.__module__.startswith("keras.")}
    try:
        config = copy.deepcopy(layer.get_config())
        for settings in _policies(config) if policy else ():
            key = "source_name" if "source_name" in settings else "name"  # the former, of quantized layers
            if settings[key] in ("float32", *OTHERS):
                settings[key] = policy
        with keras.saving.custom_object_scope(own):
            return type(layer).from_config(config)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            "`model` must have layers with `get_config`, of which to make one that computes in another precision. "
            f"Received: model={name!r} with the layer {layer.name!r} of {layer.dtype_policy.name}. "
            f"Keras says: {first_sentence(error)}"
        ) from error


def _source_of(policy: str) -> str:
    """Returns the name of a dtype policy, of a quantized one that which it had before, as in `int8_from_float16`."""
    return policy.rpartition("_from_")[2]


def _policies(config: Any) -> Iterator[dict[str, Any]]:
    """Yields the configuration of every dtype policy in that of a layer, however deep."""
    if isinstance(config, dict):
        if str(config.get("class_name")).endswith("DTypePolicy"):
            yield config["config"]
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for value in config:
            yield from _policies(value)
