"""Full int8 quantization of TFLite files that LiteRT's CPU delegate runs."""

import warnings

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

#: XNNPACK takes no op whose scales of input and weights, multiplied, are as many of the output's.
MAX_SCALE_RATIO = 256


def convert_to_int8(converter: tf.lite.TFLiteConverter) -> bytes:
    """Returns the content of a file, with those ops left in float that XNNPACK would refuse the whole file for.

    They are layers that gave nothing but zeros for the representative images, such as hidden layers of one dead unit,
    and so have no range.
    """
    content = converter.convert()
    names = ops_without_range(content)
    if not names:
        return content
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=names)
    with warnings.catch_warnings():
        # It is the debugger that uses it.
        warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated")
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=converter.representative_dataset, debug_options=options
        )
        return debugger.get_nondebug_quantized_model()


def ops_without_range(content: bytes) -> list[str]:
    """Returns the outputs' names of the linear ops whose output has too small a scale for XNNPACK."""
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    names = []
    for op in interpreter._get_ops_details():
        if op["op_name"] in ("CONV_2D", "FULLY_CONNECTED"):
            used = [tensors[index] for index in (*op["inputs"][:2], op["outputs"][0])]
            scales = [np.max(tensor["quantization_parameters"]["scales"], initial=0) for tensor in used]
            if scales[0] * scales[1] >= MAX_SCALE_RATIO * scales[2] > 0:
                names.append(used[2]["name"])
    return names
