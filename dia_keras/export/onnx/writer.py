"""Writing ONNX files, with tf2onnx."""

import functools
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import onnx
import tf2onnx

from ..errors import ExportError
from ..frozen_graph import freeze, nodes_of, output_names
from ..requests.request import Request
from .int8 import quantized

#: Environment variable of tf2onnx.
CATCH_ERRORS = "TF2ONNX_CATCH_ERRORS"


def write(model: keras.Model, request: Request, metadata: Mapping[str, Any]) -> None:
    """Writes the file: "images" to "predictions" or outputs of other names, with a free first dimension "batch"."""
    frozen = freeze(model, native_groups=True, input_dtype=request.input_dtype)
    with _without_deprecation_warnings():
        proto = _converted(frozen, output_names(model), model.name, request.options["opset"])
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    _check(proto, model.name)
    if request.representative is not None:
        proto = quantized(proto, request.representative.astype(request.input_dtype))
        _check(proto, model.name)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    onnx.helper.set_model_props(proto, texts)
    request.path.write_bytes(proto.SerializeToString())


def _check(proto: onnx.ModelProto, name: str) -> None:
    try:
        onnx.checker.check_model(proto, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ExportError(
            f"`model` must consist of ops that ONNX has. Received: model={name!r}. The checker says: {error}"
        ) from error


def _converted(frozen, outputs: list[str], name: str, opset: int) -> onnx.ModelProto:
    """Returns the graph of a frozen function, its input named "images", and its outputs as given."""
    inner = [tensor.name for tensor in frozen.outputs]
    names = {frozen.inputs[0].name: "images", **dict(zip(inner, outputs, strict=True))}
    convert = functools.partial(
        tf2onnx.convert.from_graph_def,
        _with_xla_calls_inlined(frozen.graph.as_graph_def()),
        name=name,
        input_names=[frozen.inputs[0].name],
        output_names=inner,
        tensors_to_rename=names,
        custom_op_handlers={"Erfc": (_complement_of_erf, [])},
        opset=opset,
    )
    try:
        with _without_copies():
            proto, _ = convert()
    except Exception:  # of an optimizer of tf2onnx, which is left out
        proto, _ = convert()
    return proto


def _with_xla_calls_inlined(graph_def):
    """Makes ordinary calls of those that must be compiled with XLA, so that tf2onnx inlines them.

    Keras' TensorFlow backend wraps grouped convolutions in such calls, since eager TensorFlow cannot run them on a
    CPU; tf2onnx leaves them as they are, and then no runtime takes the file.
    """
    for item in (*nodes_of(graph_def), *graph_def.library.function):
        item.attr.pop("_XlaMustCompile", None)
        item.attr.pop("_noinline", None)
    return graph_def


def _complement_of_erf(context, node, name, args):
    """Writes erfc(x), a part of exact GELU, as 1 - erf(x), since ONNX does not have it."""
    erf = context.make_node("Erf", node.input)
    one = context.make_const(f"{name}_one", np.ones((), "float32"))
    context.remove_node(name)
    return context.make_node("Sub", [one.output[0], erf.output[0]], outputs=node.output)


@contextmanager
def _without_copies() -> Iterator[None]:
    """Keeps tf2onnx from copying the graph before each of its optimizers, which takes much of its time.

    It needs the copies where an optimizer fails; without them, the failure is an error of the conversion.
    """
    before = os.environ.get(CATCH_ERRORS)
    os.environ[CATCH_ERRORS] = "FALSE"
    try:
        yield
    finally:
        del os.environ[CATCH_ERRORS]
        if before is not None:
            os.environ[CATCH_ERRORS] = before


@contextmanager
def _without_deprecation_warnings() -> Iterator[None]:
    """Keeps TensorFlow from telling users which of its functions tf2onnx calls."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
