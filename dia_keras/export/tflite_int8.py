"""Full int8 quantization of TFLite files that LiteRT's CPU delegate runs."""

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tensorflow.lite.python.convert import deduplicate_readonly_buffers, mlir_quantize
from tensorflow.lite.python.util import modify_model_io_type

from .tflite_calibration import calibrated

#: XNNPACK takes no op whose scales of input and weights, multiplied, are as many of the output's.
MAX_SCALE_RATIO = 256


def to_int8(content: bytes, batches: np.ndarray, integers_alone: bool = False) -> bytes:
    """Returns a float file in int8, with those ops left in float that XNNPACK would refuse the whole file for.

    They are layers that gave nothing but zeros for the representative images, such as hidden layers of one dead unit,
    and so have no range.

    Args:
        content: The float file.
        batches: What it takes, `(n, batch, height, width, channels)`.
        integers_alone: Whether the images, of values 0 to 255 in float32, and the predictions are to be int8, too.

    Raises:
        ValueError: Where integers alone are asked for, and images or predictions meet an op in float.
    """
    with_ranges = calibrated(content, batches, (0.0, 255.0) if integers_alone else None)
    quantized = mlir_quantize(with_ranges)
    if names := ops_without_range(quantized):
        quantized = mlir_quantize(with_ranges, denylisted_nodes=names)
    if integers_alone:
        quantized = modify_model_io_type(quantized, tf.int8, tf.int8)
        interpreter = Interpreter(model_content=quantized)
        (takes,), (gives,) = interpreter.get_input_details(), interpreter.get_output_details()
        if not takes["dtype"] == gives["dtype"] == np.int8:
            raise ValueError(
                "`model` must begin and end with ops that TFLite has in int8 for `input_dtype='int8'`. Received: model "
                f"that takes {takes['dtype'].__name__} and gives {gives['dtype'].__name__}"
            )
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
