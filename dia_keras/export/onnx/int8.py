"""Static int8 quantization of ONNX graphs."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

#: The ops of the residual branches. The gates of the attention stay in float: they are few, and later blocks would
#: inherit their errors.
QUANTIZED = ["Conv", "Add", "Relu"]
BATCH = 20


class _Images(CalibrationDataReader):
    def __init__(self, images: np.ndarray):
        self._batches: Iterator[dict[str, np.ndarray]] = iter(
            {"images": images[i : i + BATCH]} for i in range(0, len(images), BATCH)
        )

    def get_next(self):
        return next(self._batches, None)


def quantized(proto: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """Returns the graph with int8 weights by channel, of 7 bits, and uint8 activations, of ranges measured on images.

    Args:
        proto: The graph in float32, with an input "images".
        images: The images, of the input's dtype.
    """
    with tempfile.TemporaryDirectory() as name:
        full, prepared, small = (Path(name, f"{stage}.onnx") for stage in ("full", "prepared", "small"))
        onnx.save(proto, full)
        quant_pre_process(full, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            small,
            _Images(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTIZED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Weights of 7 bits: the sums of two products of 8 bits overflow on x86 processors without VNNI.
            reduce_range=True,
        )
        return onnx.load(small)
