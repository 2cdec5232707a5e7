"""Running files of detectors: from images to rows, see `answers`. Each function imports the runtime of its format."""

import json
import zipfile

import numpy as np

from ..comparison import Runner, Runners
from ..requests.request import Request
from .answers import OUTPUTS, as_rows, suppressed


def of_saved_model(request: Request) -> Runners:
    """Returns the function and the signatures that take the request's images."""
    import tensorflow as tf

    from ..saved_model.layout import SIGNATURES

    loaded = tf.saved_model.load(str(request.path))

    def calling(name: str, dtype: str) -> Runner:
        return lambda images: as_rows(loaded.signatures[name](images=tf.constant(images, dtype)))

    by_name: dict[str, Runner] = {"the function": lambda images: as_rows(loaded(tf.constant(images)))}
    for name, dtype in SIGNATURES.items():
        if dtype in ("float32", request.images.dtype):
            by_name[f"the signature {name!r}"] = calling(name, dtype)
    return by_name


def of_onnx(request: Request) -> Runners:
    """Returns the file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(request.path, providers=["CPUExecutionProvider"])

    def run(images: np.ndarray) -> np.ndarray:
        answers = session.run(list(OUTPUTS), {"images": images.astype(request.input_dtype)})
        return as_rows(dict(zip(OUTPUTS, answers, strict=True)))

    return {"the file": run}


def of_tflite(request: Request) -> Runners:
    """Returns the file, followed by the suppression that its metadata describes."""
    from ai_edge_litert.interpreter import Interpreter

    from ..tflite.runner import batches_of

    with zipfile.ZipFile(request.path) as archive:
        settings = json.loads(archive.read("metadata.json"))["suppression"]
    signature = Interpreter(str(request.path)).get_signature_runner()
    batch_size = request.options["batch_size"]

    def run(part: np.ndarray) -> np.ndarray:
        answers = signature(images=part.astype(request.input_dtype))
        pairs = zip(answers["boxes"], answers["scores"], strict=True)
        return np.stack([suppressed(boxes, scores, settings) for boxes, scores in pairs])

    def run_in_batches(images: np.ndarray) -> np.ndarray:
        return np.concatenate([run(part) for part in batches_of(batch_size, images)])[: len(images)]

    return {"the file": run if batch_size is None else run_in_batches}
