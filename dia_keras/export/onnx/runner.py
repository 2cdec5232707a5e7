"""Running ONNX files, with ONNX Runtime."""

from pathlib import Path

import onnxruntime

from ..comparison import Runner


def runners(path: Path) -> dict[str, Runner]:
    """Returns the file."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    takes = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}[session.get_inputs()[0].type]
    return {"the file": lambda images: session.run(["predictions"], {"images": images.astype(takes)})[0]}
