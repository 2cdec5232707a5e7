"""Quantization of TFLite files to int8 weights and int16 activations."""

import copy
from collections import defaultdict

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.optimize.calibrator import Calibrator
from tensorflow.lite.tools import flatbuffer_utils

from .tflite_calibration import calibrated, values_of

WITH_BIAS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
#: Ops of the gates that have one result for constants.
FOLDED = {"ADD", "LOGISTIC", "MUL", "RESHAPE", "SPLIT", "TANH"}


def to_int16x8(content: bytes, batches: np.ndarray) -> bytes:
    """Returns a float file with int16 activations; what TFLite has no int16 op for computes in float.

    TFLite's quantizer would give a bias that several calls of a layer share the scale that one of them needs, and so
    other values in the others: what blocks share would be wrong from the second block on.
    """
    prepared = with_biases_of_their_own(without_constant_ops(content, batches))
    with_ranges = without_empty_ranges(calibrated(prepared, batches))
    return Calibrator(with_ranges).calibrate_and_quantize(
        lambda: iter(()),  # the ranges are known
        input_type=tf.float32,
        output_type=tf.float32,
        allow_float=True,
        activations_type=tf.int16,
        bias_type=tf.int64,
    )


def without_constant_ops(content: bytes, batches: np.ndarray) -> bytes:
    """Returns a float file in which no gate is computed of constants alone, which TFLite's quantizer makes int8.

    So are those of DIA-LSTM (Light) before training: their maps multiply by zero.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    constants = {index for index, tensor in enumerate(graph.tensors) if model.buffers[tensor.buffer].data is not None}
    results, kept = [], []
    for op in graph.operators:
        if flatbuffer_utils.opcode_to_name(model, op.opcodeIndex) in FOLDED and constants.issuperset(op.inputs):
            constants.update(op.outputs)
            results.extend(op.outputs)
        else:
            kept.append(op)
    if not results:
        return content
    for values in values_of(content, results, batches[:1]):
        for index, value in zip(results, values, strict=True):
            graph.tensors[index].buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(value.tobytes(), "uint8")
    graph.operators = kept
    codes = sorted({op.opcodeIndex for op in kept})  # TFLite's quantizer takes no code that is not used
    model.operatorCodes = [model.operatorCodes[code] for code in codes]
    for op in kept:
        op.opcodeIndex = codes.index(op.opcodeIndex)
    return flatbuffer_utils.convert_object_to_bytearray(model)


def with_biases_of_their_own(content: bytes) -> bytes:
    """Returns a float file in which no two ops share a bias, but have copies of it."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for graph in model.subgraphs:
        readers = defaultdict(list)
        for op in graph.operators:
            if flatbuffer_utils.opcode_to_name(model, op.opcodeIndex) in WITH_BIAS:
                readers[op.inputs[2] if len(op.inputs) > 2 else -1].append(op)
        readers.pop(-1, None)  # those without a bias
        for index, ops in readers.items():
            for op in ops[1:]:
                bias = copy.deepcopy(graph.tensors[index])
                model.buffers.append(copy.deepcopy(model.buffers[bias.buffer]))
                bias.buffer = len(model.buffers) - 1
                graph.tensors.append(bias)
                op.inputs[2] = len(graph.tensors) - 1
    return flatbuffer_utils.convert_object_to_bytearray(model)


def without_empty_ranges(content: bytes) -> bytes:
    """Returns a calibrated file in which what was always zero has the range -1 to 1; LiteRT takes no empty one."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        found = tensor.quantization
        if found is not None and found.min is not None and found.min[0] == found.max[0] == 0:
            found.min, found.max = [-1.0], [1.0]
    return flatbuffer_utils.convert_object_to_bytearray(model)
