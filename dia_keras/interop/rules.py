"""Tables of name rules, and the steps that all of them share: from a state dict to the weights of a network."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from .state import COUNTER
from .structure import Layer

#: Pairs of a module of PyTorch and our layer, `("layer{stage}.{block-1}.conv1", "stage{stage}_block{block}_conv1")`.
#: A name in braces stands for a number; with `-1`, for one that PyTorch counts from 0 and we from 1. Modules that
#: become the same layer are copies of one.
Rules = Sequence[tuple[str, str]]

# Of a norm, and of everything else.
_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_MAP = {"weight": "kernel", "bias": "bias"}
_SHOWN = 20


def translated(
    state: Mapping[str, np.ndarray], rules: Rules, model: keras.Model, layers: Mapping[str, Layer]
) -> dict[str, np.ndarray]:
    """Returns the values of a network's weights by their names in `weights_by_name`.

    Args:
        state: Arrays by their names in PyTorch.
        rules: The table.
        model: The network.
        layers: Its layers, see `structure`.

    Raises:
        ValueError: Where not every array is used exactly once, or a weight is left without one, or shapes differ, or
            copies do; the message lists all of that.
    """
    weights = weights_by_name(model)
    values: dict[str, np.ndarray] = {}
    first: dict[str, str] = {}
    biases: dict[str, np.ndarray] = {}
    problems = []
    for key, array in state.items():
        module, _, kind = key.rpartition(".")
        if kind == COUNTER:
            continue
        layer = _renamed(module, rules)
        name = f"{layer}/{(_NORM if f'{layer}/gamma' in weights else _MAP).get(kind)}"
        if layer and name.endswith("/bias") and name not in weights and f"{layer}/kernel" in weights:
            biases[layer] = array
        elif layer is None or name not in weights:
            problems.append(f"{key} has no place in the network")
        elif name not in values:
            values[name], first[name] = _in_keras(array, weights[name].shape), key
            if values[name].shape != tuple(weights[name].shape):
                problems.append(
                    f"{key} has shape {array.shape}, which becomes {values[name].shape} instead of "
                    f"{tuple(weights[name].shape)}"
                )
        elif not np.array_equal(values[name], _in_keras(array, weights[name].shape)):
            problems.append(f"{key} differs from {first[name]}, of which it must be a copy")
    problems += [f"{name} is missing" for name in weights if name not in values]
    if not problems:
        problems += _fold(biases, values, layers)
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ValueError(
            f"`weights` must hold exactly the weights of the network: {'; '.join(problems[:_SHOWN])}{more}. "
            f"Received: weights with {len(state)} arrays"
        )
    return values


def weights_by_name(model: keras.Model) -> dict[str, Any]:
    """Returns the weights of a network by layer and name, e.g. `stage1_block1_conv1/kernel`.

    The weights of a module within an attention are `stage1_block1_attention/squeeze/kernel`, and those of a cell's
    linear map `stage1_attention/input_reduce/kernel`.
    """
    weights = {}
    for layer in model.layers:
        cell = getattr(layer, "cell", None)
        if cell is not None:
            for weight in cell.weights:
                weights[f"{layer.name}/{'/'.join(weight.name.rsplit('_', 1))}"] = weight
            continue
        for weight in layer.weights:
            *inner, name = weight.path.removeprefix(f"{layer.name}/").split("/")
            weights["/".join([layer.name, *inner[-1:], name])] = weight
    return weights


def _renamed(module: str, rules: Rules) -> str | None:
    """Returns the name of our layer for a module, or `None` where no rule has it."""
    for theirs, ours in rules:
        match = _pattern(theirs).fullmatch(module)
        if match:
            numbers = {name.removesuffix("_0"): int(n) + name.endswith("_0") for name, n in match.groupdict().items()}
            return ours.format(**numbers)
    return None


@functools.cache
def _pattern(theirs: str) -> re.Pattern:
    counted = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>\\d+)", re.escape(theirs))
    return re.compile(re.sub(r"\\\{(\w+)\\-1\\\}", r"(?P<\1_0>\\d+)", counted))


def _in_keras(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Returns an array of PyTorch in the order of axes that Keras has for this kind of tensor."""
    if array.ndim == 4 and len(shape) == 2 and array.shape[2:] == (1, 1):  # a linear map written as a convolution
        array = array[:, :, 0, 0]
    if array.ndim == 4:  # (O, I, h, w) -> (h, w, I, O)
        return array.transpose(2, 3, 1, 0)
    if array.ndim in (2, 3):  # (O, I) -> (I, O) and (O, I, k) -> (k, I, O)
        return array.transpose()
    return array


def _fold(biases: Mapping[str, np.ndarray], values: dict[str, np.ndarray], layers: Mapping[str, Layer]) -> list[str]:
    """Moves biases of convolutions into the moving means of the norms that follow; returns what cannot be moved."""
    problems = []
    for name, bias in biases.items():
        following = [other for other, layer in layers.items() if name in layer.inputs]
        mean = f"{following[0]}/moving_mean" if len(following) == 1 else None
        if mean in values and values[mean].shape == bias.shape:
            values[mean] = values[mean] - bias
        else:
            problems.append(f"the bias of {name} has no place in the network, nor a norm that follows")
    return problems
