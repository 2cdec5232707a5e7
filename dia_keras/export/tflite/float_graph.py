"""Rewrites of float TFLite files around errors of TFLite's quantizer to int16."""

import copy
from collections import defaultdict

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from .calibration import values_of
from .op_names import op_name

WITH_BIAS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
#: Ops of the gates whose result is a constant if their inputs are.
FOLDED = {"ADD", "LOGISTIC", "MUL", "RESHAPE", "SPLIT", "TANH"}


def without_constant_ops(content: bytes, batches: np.ndarray) -> bytes:
    """Returns a float file in which no gate is computed from constants alone: TFLite's quantizer would make it int8.

    DIA-LSTM (Light) has such gates before training, since its maps multiply by zero.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    constants = {index for index, tensor in enumerate(graph.tensors) if model.buffers[tensor.buffer].data is not None}
    results, kept = [], []
    for op in graph.operators:
        if op_name(model, op) in FOLDED and constants.issuperset(op.inputs):
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
    return _packed(model)


def with_biases_of_their_own(content: bytes) -> bytes:
    """Returns a float file in which ops that share a bias have copies of it.

    TFLite's quantizer gives a shared bias the scale that one of the ops needs, and so wrong values to the other ops: a
    unit that blocks share would be wrong from the second block on.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for graph in model.subgraphs:
        readers = defaultdict(list)
        for op in graph.operators:
            if op_name(model, op) in WITH_BIAS:
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


def with_ops_of_int16(content: bytes) -> bytes:
    """Returns a float file with scaled means instead of sums, and products instead of squared differences.

    A sum would get the scale of its input and saturate. Squared differences have no int16 kernel.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    operators = []
    for op in graph.operators:
        name, output = op_name(model, op), graph.tensors[op.outputs[0]]
        if output.type != schema.TensorType.FLOAT32:
            operators.append(op)
        elif name == "SUM":
            mean = _like(graph, op.outputs[0], "mean")
            number = np.prod(graph.tensors[op.inputs[0]].shape) / np.prod(output.shape)
            operators.append(_operator(model, "MEAN", op.inputs, mean, op.builtinOptions))
            inputs = [mean, _constant(model, graph, number, output.name + b"_number")]
            operators.append(_operator(model, "MUL", inputs, op.outputs[0], schema.MulOptionsT()))
        elif name == "SQUARED_DIFFERENCE":
            difference = _like(graph, op.outputs[0], "difference")
            operators.append(_operator(model, "SUB", op.inputs, difference, schema.SubOptionsT()))
            operators.append(_operator(model, "MUL", [difference] * 2, op.outputs[0], schema.MulOptionsT()))
        else:
            operators.append(op)
    graph.operators = operators
    return _packed(model)


def _like(graph, index: int, suffix: str) -> int:
    """Returns the index of a new tensor like that of `index`."""
    tensor = copy.deepcopy(graph.tensors[index])
    tensor.name += f"_{suffix}".encode()
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _constant(model, graph, value: float, name: bytes) -> int:
    """Returns the index of a new scalar."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = name, [], schema.TensorType.FLOAT32
    tensor.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT())
    model.buffers[-1].data = np.frombuffer(np.float32(value).tobytes(), "uint8")
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator(model, name: str, inputs, output: int, options):
    """Returns a new op, whose code the model then has."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
    code.version = 1
    model.operatorCodes.append(code)
    op = schema.OperatorT()
    op.opcodeIndex = len(model.operatorCodes) - 1
    op.inputs, op.outputs = list(inputs), [output]
    kind = type(options).__name__.removesuffix("T")
    op.builtinOptionsType, op.builtinOptions = getattr(schema.BuiltinOptions, kind), options
    return op


def _packed(model) -> bytes:
    """Returns the file without the codes of unused ops, which TFLite's quantizer refuses."""
    operators = [op for graph in model.subgraphs for op in graph.operators]
    codes = sorted({op.opcodeIndex for op in operators})
    model.operatorCodes = [model.operatorCodes[code] for code in codes]
    for op in operators:
        op.opcodeIndex = codes.index(op.opcodeIndex)
    return flatbuffer_utils.convert_object_to_bytearray(model)
