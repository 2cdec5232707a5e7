"""The format TFLite."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras

from ...arguments import is_integer
from ..comparison import Runners
from ..format import Format, Quantization
from ..requests.request import Request


class TFLiteFormat(Format):
    """TFLite, with the option `batch_size`."""

    name = "tflite"
    suffix = ".tflite"
    packages = ("tensorflow", "ai_edge_litert")
    takes_quantized_models = False
    quantizations: ClassVar = {
        None: Quantization(1e-4),
        "float16": Quantization(0.02),
        "dynamic": Quantization(0.2),
        "int8": Quantization(0.5, calibrated=True, input_dtypes=("uint8", "float32", "int8")),
        "int16x8": Quantization(0.5, calibrated=True, input_dtypes=("float32",)),
    }

    def checked_options(self, quantize: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
        batch_size = options.get("batch_size", 1)
        if batch_size is None and self.quantizations[quantize].calibrated:
            raise ValueError(f"`batch_size` must be an integer for quantize={quantize!r}. Received: batch_size=None")
        if batch_size is not None and not is_integer(batch_size, 1, math.inf):
            raise ValueError(f"`batch_size` must be a positive integer or None. Received: batch_size={batch_size!r}")
        return {"batch_size": None if batch_size is None else int(batch_size)}

    def write(self, model: keras.Model, request: Request, metadata: Mapping[str, Any]) -> None:
        from .writer import write

        write(model, request, metadata)

    def runners(self, request: Request) -> Runners:
        from .runner import runners

        return runners(request.path)

    def anatomy(self, path: Path) -> dict[str, Any]:
        from .anatomy import anatomy_of

        return anatomy_of(path)


TFLITE = TFLiteFormat()
