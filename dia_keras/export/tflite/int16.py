"""Quantization of TFLite files to int8 weights and int16 activations."""

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.optimize.calibrator import Calibrator
from tensorflow.lite.tools import flatbuffer_utils

from .calibration import calibrated
from .float_graph import with_biases_of_their_own, with_ops_of_int16, without_constant_ops


def to_int16x8(content: bytes, batches: np.ndarray) -> bytes:
    """Returns a float file with int16 activations. Ops that TFLite does not support in int16 compute in float."""
    prepared = with_biases_of_their_own(with_ops_of_int16(without_constant_ops(content, batches)))
    with_ranges = without_empty_ranges(calibrated(prepared, batches))
    return Calibrator(with_ranges).calibrate_and_quantize(
        lambda: iter(()),  # the ranges are known
        input_type=tf.float32,
        output_type=tf.float32,
        allow_float=True,
        activations_type=tf.int16,
        bias_type=tf.int64,
    )


def without_empty_ranges(content: bytes) -> bytes:
    """Returns a calibrated file where the range of all-zero tensors is -1 to 1, since LiteRT takes no empty range."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        quantization = tensor.quantization
        if (
            quantization is not None
            and quantization.min is not None
            and quantization.min[0] == quantization.max[0] == 0
        ):
            quantization.min, quantization.max = [-1.0], [1.0]
    return flatbuffer_utils.convert_object_to_bytearray(model)
