"""Full int8 quantization of TFLite files that LiteRT's CPU delegate runs."""

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tensorflow.lite.python.convert import deduplicate_readonly_buffers, mlir_quantize
from tensorflow.lite.python.util import modify_model_io_type

from ..errors import ExportError
from .calibration import calibrated
from .delegate import delegated

#: XNNPACK refuses an op where the product of the scales of input and weights is this many times that of the output.
MAX_SCALE_RATIO = 256


def to_int8(content: bytes, batches: np.ndarray, integers_alone: bool = False) -> bytes:
    """Returns a float file in int8, except for some ops that LiteRT's CPU delegate, XNNPACK, does not take in int8.

    Two kinds stay in float. For the first, XNNPACK would refuse the whole file: layers whose outputs were all zero on
    the representative images, such as hidden layers of one dead unit, and which therefore have no range. The second
    would split the file into more parts: softmax, square roots, average pooling, and sums and products whose scales are
    too far apart. With `integers_alone`, the second kind is int8, too.

    Args:
        content: The float file.
        batches: Its inputs, `(n, batch, height, width, channels)`.
        integers_alone: Whether the images, of values 0 to 255 in float32, and the predictions are to be int8, too.

    Raises:
        ExportError: Where `integers_alone`, and the first or last op is in float.
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
    """Returns a quantized file with more ops in float than `in_float`, if it then has fewer parts."""

    def quantized_but_for(names):
        # Softmax by its kind: the op of the predictions has another name than in the float file.
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
        return quantized  # the comparison with the model refuses what LiteRT cannot run


def ops_without_range(content: bytes) -> list[str]:
    """Returns the names of the outputs of linear ops whose scales are too small for XNNPACK."""
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
