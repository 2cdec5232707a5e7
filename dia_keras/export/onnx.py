"""ONNX: for ONNX Runtime, and the many tools that read it."""

import functools
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tf2onnx

from .errors import ExportError
from .freeze import freeze, inline_xla_calls
from .parity import Runner

#: Environment variable of tf2onnx.
CATCH_ERRORS = "TF2ONNX_CATCH_ERRORS"


def write(
    model,
    path: Path,
    metadata: dict[str, Any],
    input_dtype: str = "uint8",
    opset: int = 17,
    quantize: str | None = None,
    representative: np.ndarray | None = None,
) -> None:
    """Writes the file `path`: "images" to "predictions", with a free first dimension "batch"."""
    frozen = freeze(model, native_groups=True, input_dtype=input_dtype)
    with _without_deprecation_warnings():
        proto = _converted(frozen, model.name, opset)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    _check(proto, model.name)
    if representative is not None:
        from .onnx_int8 import quantized

        proto = quantized(proto, representative.astype(input_dtype))
        _check(proto, model.name)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    onnx.helper.set_model_props(proto, texts)
    path.write_bytes(proto.SerializeToString())


def _check(proto: onnx.ModelProto, name: str) -> None:
    try:
        onnx.checker.check_model(proto, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ExportError(
            f"`model` must consist of ops that ONNX has. Received: model={name!r}. The checker says: {error}"
        ) from error


def _converted(frozen, name: str, opset: int) -> onnx.ModelProto:
    """Returns the graph of a frozen function, its input named "images" and its output "predictions"."""
    names = {frozen.inputs[0].name: "images", frozen.outputs[0].name: "predictions"}
    input_name, output_name = names
    convert = functools.partial(
        tf2onnx.convert.from_graph_def,
        inline_xla_calls(frozen.graph.as_graph_def()),
        name=name,
        input_names=[input_name],
        output_names=[output_name],
        tensors_to_rename=names,
        custom_op_handlers={"Erfc": (_complement_of_erf, [])},
        opset=opset,
    )
    try:
        with _without_copies():
            proto, _ = convert()
    except Exception:  # of an optimizer of tf2onnx, which will be left out
        proto, _ = convert()
    return proto


def _complement_of_erf(context, node, name, args):
    """Writes erfc(x), which exact GELU is made of, as 1 - erf(x): tf2onnx has none, since ONNX has none."""
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


def runners(path: Path, dtype: np.dtype) -> dict[str, Runner]:
    """Returns the file."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    takes = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}[session.get_inputs()[0].type]
    return {"the file": lambda images: session.run(["predictions"], {"images": images.astype(takes)})[0]}


def anatomy(path: Path) -> dict[str, Any]:
    """Returns the number of ops by type."""
    return {"ops": dict(Counter(node.op_type for node in onnx.load(path).graph.node).most_common())}


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
