"""The ops of a TFLite file that XNNPACK, LiteRT's CPU delegate, computes, and in how many parts."""

from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.tools import flatbuffer_utils

from .op_names import op_name

PART = "DELEGATE"


def with_casts_of_images_first(content: bytes) -> bytes:
    """Returns a file whose first op is the cast of its images.

    The delegate does not support this op, and would put the ops before and after it into different parts: one would
    make float32 of half-precision weights, and another would use them.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]

    def is_cast_of_images(op) -> bool:
        return op_name(model, op) == "CAST" and op.inputs[0] in graph.inputs

    graph.operators.sort(key=is_cast_of_images, reverse=True)
    return flatbuffer_utils.convert_object_to_bytearray(model)


def delegated(content: bytes) -> tuple[int, dict[str, type]]:
    """Returns the number of parts, and the first output of every op outside of them: name to NumPy type.

    Raises:
        RuntimeError: Where LiteRT cannot run the file.
    """
    interpreter = Interpreter(model_content=bytes(content))
    interpreter.allocate_tensors()
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    ops = interpreter._get_ops_details()
    parts = [op for op in ops if op["op_name"] == PART]
    made = {index for part in parts for index in part["outputs"]}
    used = {index for part in parts for index in part["inputs"]}
    used |= {output["index"] for output in interpreter.get_output_details()}
    outside = {}
    for op in reversed(ops):
        # A part shows what others use of its ops' outputs, so whatever is used and not shown was made outside.
        if op["op_name"] != PART and used.intersection(op["outputs"]) - made:
            used.update(op["inputs"])
            tensor = tensors[op["outputs"][0]]
            outside[tensor["name"]] = tensor["dtype"]
    return len(parts), outside
