"""Full int8 quantization of TFLite files that LiteRT's CPU delegate runs."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tensorflow.lite.python.convert import deduplicate_readonly_buffers, mlir_quantize

from .tflite_calibration import calibrated

#: XNNPACK takes no op whose scales of input and weights, multiplied, are as many of the output's.
MAX_SCALE_RATIO = 256


def to_int8(content: bytes, batches: np.ndarray) -> bytes:
    """Returns a float file in int8, with those ops left in float that XNNPACK would refuse the whole file for.

    They are layers that gave nothing but zeros for the representative images, such as hidden layers of one dead unit,
    and so have no range.
    """
    with_ranges = calibrated(content, batches)
    quantized = mlir_quantize(with_ranges)
    if names := ops_without_range(quantized):
        quantized = mlir_quantize(with_ranges, denylisted_nodes=names)
    return deduplicate_readonly_buffers(quantized)


def ops_without_range(content: bytes) -> list[str]:
    """Returns the outputs' names of the linear ops whose output has too small a scale for XNNPACK."""
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    names = []
    for op in interpreter._get_ops_details():
        if op["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            used = [tensors[index] for index in (*op["inputs"][:2], op["outputs"][0])]
            scales = [np.max(tensor["quantization_parameters"]["scales"], initial=0) for tensor in used]
            if scales[0] * scales[1] >= MAX_SCALE_RATIO * scales[2] > 0:
                names.append(used[2]["name"])
    return names
