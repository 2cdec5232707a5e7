"""The format ONNX."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras

from ...arguments import is_integer
from ..comparison import Runners
from ..format import Format, Quantization
from ..requests.request import Request


class ONNXFormat(Format):
    """ONNX, with the option `opset`."""

    name = "onnx"
    suffix = ".onnx"
    packages = ("tensorflow", "tf2onnx", "onnx", "onnxruntime")
    quantizations: ClassVar = {None: Quantization(1e-4), "int8": Quantization(0.5, calibrated=True)}

    def checked_options(self, quantize: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
        opset = options.get("opset", 17)
        if not is_integer(opset, 13, 18):
            raise ValueError(f"`opset` must be an integer from 13 to 18. Received: opset={opset!r}")
        return {"opset": int(opset)}

    def write(self, model: keras.Model, request: Request, metadata: Mapping[str, Any]) -> None:
        from .writer import write

        write(model, request, metadata)

    def runners(self, request: Request) -> Runners:
        from .runner import runners

        return runners(request.path)

    def anatomy(self, path: Path) -> dict[str, Any]:
        from .anatomy import anatomy_of

        return anatomy_of(path)


ONNX = ONNXFormat()
