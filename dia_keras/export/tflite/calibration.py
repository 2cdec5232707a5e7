"""The ranges of activations, measured on images. Quantization to integers needs them."""

import copy
import os
from collections.abc import Iterator

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from ..errors import ExportError
from .op_names import op_name

#: Ops of two maps, one of which may be a constant beyond the range of the result.
CHOOSING = {"MAXIMUM", "MINIMUM", "SELECT", "SELECT_V2"}
#: Ops that only move or select values. In integers, their inputs and outputs have the same scale.
SAME_SCALE = {
    "CONCATENATION",
    "EXPAND_DIMS",
    "GATHER",
    "MAXIMUM",
    "MAX_POOL_2D",
    "MINIMUM",
    "PACK",
    "PAD",
    "REDUCE_MAX",
    "REDUCE_MIN",
    "RESHAPE",
    "REVERSE_V2",
    "SELECT",
    "SELECT_V2",
    "SLICE",
    "SPLIT",
    "SPLIT_V",
    "SQUEEZE",
    "STRIDED_SLICE",
    "TRANSPOSE",
    "UNPACK",
}


def calibrated(content: bytes, batches: np.ndarray, of_images: tuple[float, float] | None = None) -> bytes:
    """Returns a float TFLite file with the smallest and largest value that each activation took.

    TFLite's own calibrator is slow, above all in grouped convolutions, and gives wrong ranges: it reads the inputs of
    an op after the op, which may have written its result to the same place. TFLite's quantizer, where it needs one
    scale, takes that of the result: for a map whose maximum is computed, the scale of the maximum, which cuts off
    smaller values. So tensors that must have one scale have one range here.

    Args:
        content: The file.
        batches: Inputs of the file, `(n, batch, height, width, channels)`.
        of_images: The range of the inputs, if it is not to be measured.

    Raises:
        ExportError: Where the file has loops or branches, or a value is not finite.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph, *others = model.subgraphs
    if others:
        raise ExportError(
            "`model` must have no loops or branches to be quantized to integers; Keras' recurrent layers have "
            f"`unroll=True`. Received: model with {', '.join(graph.name.decode() for graph in others)}"
        )
    activations = _float_activations(model, graph)
    low, high = np.full(len(activations), np.inf, "float32"), np.full(len(activations), -np.inf, "float32")
    for values in values_of(content, activations, batches):
        low = np.minimum(low, [value.min() for value in values])
        high = np.maximum(high, [value.max() for value in values])
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ExportError(
            "`model` must compute finite values from the `representative` images. Received: a model whose "
            f"{graph.tensors[activations[int(np.argmin(np.isfinite(low) & np.isfinite(high)))]].name.decode()!r} is not"
        )
    _join(model, graph, activations, low, high)
    _clip_constants(model, graph, dict(zip(activations, zip(low, high, strict=True), strict=True)))
    for index, smallest, largest in zip(activations, low.tolist(), high.tolist(), strict=True):
        if of_images and index in graph.inputs:
            smallest, largest = of_images
        quantization = graph.tensors[index].quantization or schema.QuantizationParametersT()
        quantization.min, quantization.max = [smallest], [largest]
        graph.tensors[index].quantization = quantization
    return flatbuffer_utils.convert_object_to_bytearray(model)


def values_of(content: bytes, indices: list[int], batches: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yields the values of some tensors of a TFLite file for each batch.

    LiteRT's CPU delegate keeps only the outputs of a file, so the tensors become outputs of a copy.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    graph.outputs = list({*graph.outputs, *indices})
    copy = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    interpreter = Interpreter(model_content=copy, num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    (images,) = interpreter.get_input_details()
    for batch in batches:
        interpreter.set_tensor(images["index"], batch)
        interpreter.invoke()
        yield [interpreter.get_tensor(index) for index in indices]


def _join(model, graph, activations: list[int], low: np.ndarray, high: np.ndarray) -> None:
    """Gives activations that must have one scale the range of all of them, in `low` and `high`."""
    place = {index: position for position, index in enumerate(activations)}
    groups = [
        [place[index] for index in (*op.inputs, *op.outputs) if index in place]
        for op in graph.operators
        if op_name(model, op) in SAME_SCALE
    ]
    before = None
    while before != (low.tolist(), high.tolist()):
        before = low.tolist(), high.tolist()
        for group in filter(None, groups):
            low[group], high[group] = low[group].min(), high[group].max()


def _clip_constants(model, graph, ranges: dict[int, tuple[np.float32, np.float32]]) -> None:
    """Clips constants that an op chooses from, or not, to the range of its result, which has all that it chose.

    TFLite's quantizer gives them the scale of the result, in which larger ones overflow: `UnitNormalization` has such
    a minimum, whose constant is the largest float.
    """
    for op in graph.operators:
        if op_name(model, op) not in CHOOSING or op.outputs[0] not in ranges:
            continue
        for place, index in enumerate(op.inputs):
            data = model.buffers[graph.tensors[index].buffer].data
            if data is None or graph.tensors[index].type != schema.TensorType.FLOAT32:
                continue
            clipped = np.clip(np.asarray(data, "uint8").view("float32"), *ranges[op.outputs[0]])
            tensor = copy.deepcopy(graph.tensors[index])  # others may read the constant, too
            tensor.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(clipped.astype("float32").tobytes(), "uint8")
            graph.tensors.append(tensor)
            op.inputs[place] = len(graph.tensors) - 1


def _float_activations(model, graph) -> list[int]:
    """Returns the indices of the float tensors that ops read or write and that are not constants."""
    touched = {index for op in graph.operators for index in (*op.inputs, *op.outputs) if index >= 0}
    return [
        index
        for index in sorted(touched)
        if graph.tensors[index].type == schema.TensorType.FLOAT32
        and model.buffers[graph.tensors[index].buffer].data is None
    ]
