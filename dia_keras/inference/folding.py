"""The rewrite of a network for inference: the same answers from fewer ops."""

import itertools
from collections import Counter, defaultdict
from typing import Any

import keras
import numpy as np

from ..backbones import GroupedConv2D
from ..units import RecurrentAttention
from .copies import as_functional, give_weights, is_functional, is_quantized
from .fused_cells import FusedLSTMCell, fused

#: Layers, and the values that they get once they are built.
Weights = list[tuple[keras.layers.Layer, list[np.ndarray]]]


def optimize(model: keras.Model, pool_first: bool = False) -> keras.Model:
    """Returns a model that gives the same answers faster; it is not for training.

    Every batch norm that is the only reader of a `Conv2D` or `GroupedConv2D` becomes part of it. The paper's cells are
    computed in fewer, wider ops (`fused_cells`). Both happen in models within the model, too. The answers differ by
    rounding only. Subclasses of Keras' layers stay as they are, since they may compute something else.

    Args:
        model: Functional `keras.Model`.
        pool_first: Whether all of the paper's cells pool the input of a block's last 1x1 convolution, a quarter of the
            channels, and map the average as the convolution does, instead of pooling its output: the two commute.
            DIA-LSTM always does so, since its first matrix takes in that map. With the others it is faster where XLA
            compiles the model for large batches, but not in LiteRT or ONNX Runtime.

    Returns:
        A functional `keras.Model` with the same inputs and outputs and its own weights. It shares only operations,
        which have no weights, and what cannot be copied: `keras.layers.Lambda`, layers without `get_config`, and layers
        with quantized ones, or ones with LoRA, within.

    Raises:
        ValueError: Where `model` is not functional, or overrides `call`.

    Example:

    >>> to_tflite(optimize(model), "model.tflite")
    """
    if not is_functional(model):
        raise ValueError(
            "`model` must be a functional `keras.Model` without its own `call`: an exporter takes others with "
            f"`optimize=False`. Received: model={model!r}"
        )
    model = as_functional(model)
    nodes = list(itertools.chain(*model._nodes_by_depth.values()))
    in_training = {node.operation.name for node in nodes if node.arguments.kwargs.get("training")}
    folded = _folded(nodes, model.outputs, in_training)
    norms = {norm.name for norm in folded.values()}
    made: dict[str, keras.layers.Layer] = {}
    weights: Weights = []

    def clone(layer):
        if not isinstance(layer, keras.layers.Layer):
            return layer  # An operation, as of `a + b`, has no weights.
        if layer.name not in made:
            if layer.name in norms:
                made[layer.name] = keras.layers.Identity(name=layer.name, dtype=layer.dtype_policy)
            elif is_functional(layer) and layer.name not in in_training:
                made[layer.name] = optimize(layer, pool_first)
            else:
                norm = folded.get(layer.name)
                new, values = _layer(layer) if norm is None else _convolution(layer, norm)
                made[layer.name] = new
                weights.append((new, values))
        return made[layer.name]

    def call(layer, *args, **kwargs):
        inputs = args[0] if args else kwargs.get("inputs")
        if layer.name in norms:
            return inputs  # what the batch norm gave, its convolution gives
        if _has_fused_cell(layer) and (pool_first or layer.cell.input_layer) and (convolution := _widening(inputs)):
            return _pooled_first(layer, convolution, weights, *args, **kwargs)
        return layer(*args, **kwargs)

    twin = keras.models.clone_model(model, clone_function=clone, call_function=call)
    for layer, values in weights:
        give_weights(layer, values)
    return twin


def _folded(nodes, outputs, in_training: set[str]) -> dict[str, keras.layers.BatchNormalization]:
    """Returns the batch norms of the channels that alone read a convolution, by the convolution's name."""
    calls = Counter(node.operation.name for node in nodes)
    readers: dict[int, list[Any]] = defaultdict(list)
    for node in nodes:
        for tensor in node.input_tensors:
            readers[id(tensor)].append(node.operation)
    for tensor in outputs:
        readers[id(tensor)].append(None)  # the caller
    norms = {}
    for node in nodes:
        conv, reading = node.operation, readers[id(node.outputs[0])]
        norm = reading[0] if len(reading) == 1 else None
        if norm is None or type(norm) is not keras.layers.BatchNormalization or not _is_linear_convolution(conv):
            continue
        is_of_channels = norm.axis % 4 == (3 if conv.data_format == "channels_last" else 1)
        if is_of_channels and norm.name not in in_training and calls[conv.name] == calls[norm.name] == 1:
            norms[conv.name] = norm
    return norms


def _is_linear_convolution(layer) -> bool:
    return type(layer) in (keras.layers.Conv2D, GroupedConv2D) and layer.activation is keras.activations.linear


def _has_fused_cell(layer) -> bool:
    return type(layer) is RecurrentAttention and isinstance(layer.cell, FusedLSTMCell)


def _widening(features) -> keras.layers.Conv2D | None:
    """Returns the linear 1x1 convolution, of stride 1 and one group, that made the features of fewer, or `None`."""
    layer = features._keras_history.operation
    is_pointwise = _is_linear_convolution(layer) and layer.kernel_size == layer.strides == (1, 1)
    # With LoRA it has more weights.
    if not is_pointwise or layer.groups != 1 or not layer.use_bias or len(layer.weights) != 2:
        return None
    return layer if layer.kernel.shape[2] < layer.filters else None


def _pooled_first(unit, convolution, weights: Weights, inputs, states=None, training=False):
    """Calls a unit on the features that a 1x1 convolution gives, with its pooling before that convolution."""
    policy, history = convolution.dtype_policy, inputs._keras_history
    (narrow,) = convolution._inbound_nodes[history.node_index].input_tensors
    # Keras' own names may be taken in a model that was loaded.
    name = f"{convolution.name}_{history.node_index}_{unit.name}"
    pooled = keras.layers.GlobalAveragePooling2D(unit.data_format, dtype=policy, name=f"{name}_pool")(narrow)
    kernel, bias = next(values for layer, values in weights if layer is convolution)
    kernel = kernel[0, 0]
    if names := unit.cell.input_layer:
        maps = dict(zip(unit.cell.shapes, next(values for layer, values in weights if layer is unit), strict=True))
        reduce_kernel, reduce_bias = (maps[name] for name in names)
        kernel, bias = kernel @ reduce_kernel, bias @ reduce_kernel + reduce_bias
    mapped = keras.layers.Dense(len(bias), "relu" if names else None, dtype=policy, name=f"{name}_map")
    weights.append((mapped, [kernel, bias]))
    attention, states = unit.cell(mapped(pooled), states, is_reduced=bool(names))
    shape = [1, 1, 1, 1]
    shape[unit.channel_axis] = unit.cell.units
    broadcast = keras.layers.Reshape(shape[1:], dtype=policy, name=f"{name}_broadcast")(attention)
    return keras.layers.Multiply(dtype=policy, name=f"{name}_scale")([inputs, broadcast]), states


def _convolution(conv, norm) -> tuple[keras.layers.Layer, list[np.ndarray]]:
    """Returns the convolution that does the batch norm as well, and its weights."""
    kernel, mean, variance = map(_float64, (conv.kernel, norm.moving_mean, norm.moving_variance))
    gamma, beta = _float64(norm.gamma) if norm.scale else 1.0, _float64(norm.beta) if norm.center else 0.0
    bias = _float64(conv.bias) if conv.use_bias else 0.0
    factor = gamma / np.sqrt(variance + norm.epsilon)
    # What LoRA adds is in `kernel`.
    config = {name: value for name, value in conv.get_config().items() if not name.startswith("lora_")}
    new = type(conv).from_config({**config, "use_bias": True})
    return new, [kernel * factor, (bias - mean) * factor + beta]


def _float64(weight) -> np.ndarray:
    return keras.ops.convert_to_numpy(weight).astype("float64")


def _layer(layer) -> tuple[keras.layers.Layer, list[np.ndarray]]:
    """Returns a copy of a layer, with a fused cell where it has one to be fused, and its weights.

    A layer that cannot be copied is returned itself.
    """
    if type(layer) is RecurrentAttention and (replaced := fused(layer.cell)):
        cell, values = replaced
        cell.name = f"{layer.name}_cell"  # in the model, where cells of one name would clash
        unit = RecurrentAttention(cell, layer.data_format, dtype=layer.dtype_policy, name=layer.name)
        cell.build((None, cell.units))
        return unit, values
    inner = layer._flatten_layers(include_self=False)
    if any(is_quantized(part) or getattr(part, "lora_enabled", False) for part in inner):
        return layer, layer.get_weights()  # its config does not say so, and a copy would have other weights
    try:
        return type(layer).from_config(layer.get_config()), layer.get_weights()
    except (NotImplementedError, TypeError, ValueError):  # no config, or a `Lambda`, which Keras does not copy
        return layer, layer.get_weights()
