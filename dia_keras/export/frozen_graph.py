"""One TensorFlow graph of a Keras model, from which all formats are made."""

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from ..backbones import native_grouped_convolutions
from .errors import ExportError

#: What `tf.numpy_function` and `tf.py_function` are in a graph.
PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
#: The attribute of nodes that names their gradient.
GRADIENT = "_gradient_op_type"


def output_names(model) -> list[str]:
    """Returns the names of what a file of a model gives: "predictions", or the keys of its dictionary of outputs."""
    has_names = not isinstance(model, keras.Sequential) and isinstance(model.output, dict)
    return list(model.output) if has_names else ["predictions"]


def traced(model, batch_size: int | None = None, native_groups: bool = False, input_dtype: str = "float32"):
    """Returns a concrete function that reads the model's variables: images to a list of outputs, see `output_names`.

    Images are `(batch_size, height, width, channels)`.

    Args:
        model: Keras model with one input, and one output or a dictionary of them, on the TensorFlow backend.
        batch_size: Number of images, or `None` for any.
        native_groups: Whether the grouped convolutions of a backbone are single ops, which TensorFlow itself would run
            slowly on a CPU.
        input_dtype: The dtype of the images.

    Raises:
        ExportError: Where the model calls Python.
    """
    images = tf.TensorSpec((batch_size, *model.inputs[0].shape[1:]), input_dtype, name="images")
    names = output_names(model)

    def answer(images):
        outputs = model(tf.cast(images, tf.float32), training=False)
        return [outputs[name] for name in names] if isinstance(outputs, dict) else [outputs]

    function = tf.function(answer)
    with native_grouped_convolutions(native_groups):
        concrete = function.get_concrete_function(images)
    if called := sorted({node.op for node in nodes_of(concrete.graph.as_graph_def())} & PYTHON_OPS):
        raise ExportError(
            "`model` must compute without calls of Python functions, which no file can hold. "
            f"Received: model={model.name!r} with {', '.join(called)}"
        )
    return concrete


def freeze(model, batch_size: int | None = None, native_groups: bool = False, input_dtype: str = "float32"):
    """Returns `traced(...)` with constants instead of variables. Loops stay whole, as converters want them."""
    function = traced(model, batch_size, native_groups, input_dtype)
    marked = any(GRADIENT in node.attr for node in nodes_of(function.graph.as_graph_def()))
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    return _without_gradients(frozen) if marked else frozen


def nodes_of(graph) -> list:
    return [*graph.node, *(node for function in graph.library.function for node in function.node_def)]


def _without_gradients(frozen):
    """Returns the function without custom gradients, such as that of swish: no file can hold them."""
    graph = frozen.graph.as_graph_def()
    for node in nodes_of(graph):
        node.attr.pop(GRADIENT, None)
    imported = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    return imported.prune([x.name for x in frozen.inputs], [x.name for x in frozen.outputs])


def named(function, names, dtype=None):
    """Returns a function of `traced` or `freeze` as a signature: "images", of `dtype`, to a dictionary of outputs."""
    own = function.inputs[0]
    images = tf.TensorSpec(own.shape, dtype or own.dtype, name="images")
    signature = tf.function(lambda images: dict(zip(names, function(tf.cast(images, own.dtype)), strict=True)))
    return signature.get_concrete_function(images)
