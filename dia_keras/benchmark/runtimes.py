"""The runtimes that exported files are timed in."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import export

#: Runs a network once, on images that it has got before.
Call = Callable[[], Any]


class Runtime(NamedTuple):
    """A runtime.

    Attributes:
        exporter: Writes the file: of a model, to a path, for a batch size.
        suffix: How the file's name ends.
        load: Returns the call that runs the file: of its path, images, and a number of threads.
        has_threads: Whether the number of threads can be chosen for each file.
    """

    exporter: Callable[..., export.ExportReport]
    suffix: str
    load: Callable[[Path, np.ndarray, int], Call]
    has_threads: bool = True


def _litert(path: Path, images: np.ndarray, threads: int) -> Call:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
    return interpreter.invoke


def _litert_with_cache(path: Path, images: np.ndarray, threads: int) -> Call:
    """LiteRT's newer API, with a cache of packed weights: the blocks of a stage share the unit's in memory, too."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.options import Options

    options = Options()
    options.cpu_options.num_threads = threads
    options.cpu_options.xnnpack_weight_cache_path = f"{path}.cache"
    model = CompiledModel.from_file(str(path), options=options)
    given, answers = model.create_input_buffers(0), model.create_output_buffers(0)
    given[0].write(images.ravel())
    return lambda: model.run_by_index(0, given, answers)


def _onnx_runtime(path: Path, images: np.ndarray, threads: int) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"images": images})


def _xla(path: Path, images: np.ndarray, threads: int) -> Call:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # its variables are gone as soon as nothing has it
    function = tf.function(lambda images: loaded(images), jit_compile=True)
    given = tf.constant(images)
    return lambda: function(given).numpy()


def _to_saved_model(model, path, batch_size, **options):
    return export.to_saved_model(model, path, **options)


def _to_onnx(model, path, batch_size, **options):
    return export.to_onnx(model, path, **options)


RUNTIMES = {
    "tflite": Runtime(export.to_tflite, ".tflite", _litert),
    "tflite-dynamic": Runtime(functools.partial(export.to_tflite, quantize="dynamic"), ".tflite", _litert),
    "tflite-cached": Runtime(export.to_tflite, ".tflite", _litert_with_cache),
    "onnx": Runtime(_to_onnx, ".onnx", _onnx_runtime),
    "xla": Runtime(_to_saved_model, "", _xla, has_threads=False),
}
