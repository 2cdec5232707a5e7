"""Models of mixed precision compute in float32 once exported."""

import copy

import keras

from .config import entries

REDUCED = ("mixed_bfloat16", "mixed_float16", "bfloat16", "float16")


def in_float32(model: keras.Model) -> keras.Model:
    """Returns the model that computes in float32 with the weights of `model`: itself, if it already does."""
    if not any(layer.dtype_policy.name in REDUCED for layer in model._flatten_layers()):
        return model
    config = copy.deepcopy(model.get_config())
    for entry in entries(config, "class_name"):
        if entry["class_name"] == "DTypePolicy" and entry["config"]["name"] in REDUCED:
            entry["config"]["name"] = "float32"
    # Its own layers need not be registered with Keras. Keras' are left out: its layer `Add` is not its operation `Add`.
    kinds = {type(layer) for layer in model._flatten_layers(include_self=False)}
    own = {kind.__name__: kind for kind in kinds if not kind.__module__.startswith("keras.")}
    twin = type(model).from_config(config, custom_objects=own)
    twin.set_weights(model.get_weights())
    return twin
