"""Full int8 quantization of TFLite files that LiteRT's CPU delegate runs."""

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tensorflow.lite.python.convert import deduplicate_readonly_buffers, mlir_quantize
from tensorflow.lite.python.util import modify_model_io_type

from ..errors import ExportError
from .calibration import calibrated
from .delegate import delegated

#: XNNPACK takes no op whose scales of input and weights, multiplied, are as many of the output's.
MAX_SCALE_RATIO = 256


def to_int8(content: bytes, batches: np.ndarray, integers_alone: bool = False) -> bytes:
    """Returns a float file in int8, but for some ops that LiteRT's CPU delegate, XNNPACK, does not take in int8.

    Those for which it would refuse the whole file are left in float: layers that gave nothing but zeros for the
    representative images, such as hidden layers of one dead unit, and so have no range. And those that would divide the
    file into more parts, unless integers alone are asked for: softmax, square roots, average pooling, and sums and
    products whose scales are too far apart.

    Args:
        content: The float file.
        batches: What it takes, `(n, batch, height, width, channels)`.
        integers_alone: Whether the images, of values 0 to 255 in float32, and the predictions are to be int8, too.

    Raises:
        ExportError: Where integers alone are asked for, and images or predictions meet an op in float.
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
            raise ExportError(
                "`model` must begin and end with ops that TFLite has in int8 for `input_dtype='int8'`. Received: model "
                f"that takes {takes['dtype'].__name__} and gives {gives['dtype'].__name__}"
            )
    else:
        quantized = in_fewer_parts(with_ranges, quantized, names)
    return deduplicate_readonly_buffers(quantized)


def in_fewer_parts(with_ranges: bytes, quantized: bytes, in_float: list[str]) -> bytes:
    """Returns a quantized file with more ops in float than those of `in_float`, where that makes for fewer parts."""

    def quantized_but_for(names):
        # Softmax by its kind: the op that gives the predictions is not called as in the float file.
        return mlir_quantize(with_ranges, denylisted_nodes=[*in_float, *names], denylisted_ops={"SOFTMAX"})

    try:
        parts, outside = delegated(quantized)
        integers = {name for name, dtype in outside.items() if dtype == np.int8}
        if not integers:
            return quantized
        candidate = quantized_but_for(integers)
        if in_vain := integers & delegated(candidate)[1].keys():
            candidate = quantized_but_for(integers - in_vain)
        return candidate if delegated(candidate)[0] < parts else quantized
    except RuntimeError:
        return quantized  # what LiteRT cannot run is refused when it is compared with the model


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
