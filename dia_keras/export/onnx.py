"""ONNX: for ONNX Runtime, and the many tools that read it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import tf2onnx

from .freeze import freeze, inline_xla_calls
from .parity import in_two_batches


def write(model, path: Path, opset: int = 17) -> None:
    """Writes the file `path`: float32 "images" to "predictions", with a free first dimension "batch"."""
    frozen = freeze(model, native_groups=True)
    names = {frozen.inputs[0].name: "images", frozen.outputs[0].name: "predictions"}
    input_name, output_name = names
    with _without_deprecation_warnings():
        proto, _ = tf2onnx.convert.from_graph_def(
            inline_xla_calls(frozen.graph.as_graph_def()),
            name=model.name,
            input_names=[input_name],
            output_names=[output_name],
            tensors_to_rename=names,
            opset=opset,
        )
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString())


def answers(path: Path, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the file's answers to `images`."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def predict(part):
        return session.run(["predictions"], {"images": part.astype("float32")})[0]

    yield "the file", in_two_batches(predict, images)


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
