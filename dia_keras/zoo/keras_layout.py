"""The names that Keras gives to a network's weights in a file, such as `layers/dense/vars/0`."""

from typing import Any

import keras
from keras.src.saving import saving_lib

from .tensors import Layout, Place


class _Names(saving_lib.NpzIOStore):
    """Takes what Keras would write, by group. Keras has no public way to the names but to write a file."""

    def __init__(self):
        self.layers: dict[str, str] = {}
        self.contents: dict[str, dict[str, Any]] = {}

    def make(self, path, metadata=None):
        group = f"{path}/vars".lstrip("/")
        self.layers[group] = (metadata or {}).get("name", "")
        return self.contents.setdefault(group, {})


def layout_of(model: keras.Model) -> tuple[Layout, dict[str, Any]]:
    """Returns what a weights file of a network holds: the layout, and the values by name.

    The values are the network's own variables, but for those that Keras computes when it saves, e.g. of LoRA. The
    optimizer is left aside.
    """
    names = _Names()
    saving_lib._save_state(model, names, None, "", {id(getattr(model, "optimizer", None))})
    places, values = {}, {}
    for group, variables in names.contents.items():
        for number, value in variables.items():
            dtype = keras.backend.standardize_dtype(value.dtype)
            places[f"{group}/{number}"] = Place(tuple(value.shape), dtype, names.layers[group])
            values[f"{group}/{number}"] = value
    return Layout(model.name, places, tuple(names.contents)), values
