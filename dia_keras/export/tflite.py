"""TFLite: for LiteRT, on phones and small devices."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python.convert_phase import ConverterError

from .errors import ExportError, ExportMismatchError
from .freeze import freeze, named
from .parity import Runner
from .tflite_delegate import PART, with_casts_of_images_first
from .tflite_int8 import to_int8
from .tflite_int16 import to_int16x8


def write(
    model,
    path: Path,
    metadata: dict[str, Any],
    input_dtype: str = "uint8",
    batch_size: int | None = 1,
    quantize: str | None = None,
    representative: np.ndarray | None = None,
) -> None:
    """Writes the file `path`, with one signature, "images" to "predictions", and its metadata behind it."""
    module = tf.Module()
    integers_alone = input_dtype == "int8"
    takes = "float32" if integers_alone else input_dtype
    signature = named(freeze(model, batch_size, native_groups=True, input_dtype=takes))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([signature], module)
    if quantize in ("float16", "dynamic"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        content = with_casts_of_images_first(converter.convert())
        if representative is not None:
            batches = batches_of(batch_size, representative).astype(takes)
            content = to_int8(content, batches, integers_alone) if quantize == "int8" else to_int16x8(content, batches)
    except (RuntimeError, ConverterError) as error:
        raise ExportError(
            f"`model` must consist of ops that TFLite has. Received: model={model.name!r}, {quantize=}. "
            f"The converter says: {str(error).strip().splitlines()[0]}"
        ) from error
    path.write_bytes(content)
    # As TFLite Metadata has it: the file is a zip archive, too.
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.json", json.dumps(metadata, indent=1))
        if metadata["labels"]:
            archive.writestr("labels.txt", "\n".join(metadata["labels"]) + "\n")


def runners(path: Path, dtype: np.dtype) -> dict[str, Runner]:
    """Returns the file, which gets its images in batches of the size that it was made for."""
    signature = Interpreter(str(path)).get_signature_runner()
    details, answers = signature.get_input_details()["images"], signature.get_output_details()["predictions"]
    batch_size = details["shape_signature"][0]

    def run(part):
        if details["dtype"] == np.int8:
            part = part.astype("int16") + details["quantization"][1]
        try:
            predictions = signature(images=part.astype(details["dtype"]))["predictions"]
        except RuntimeError as error:
            raise ExportMismatchError(
                "LiteRT cannot run the exported file, and nothing was written. With int8 or int16x8, it may lack the "
                f"op for integers. Received from LiteRT: {error}"
            ) from error
        scale, zero = answers["quantization"] if answers["dtype"] == np.int8 else (1.0, 0)
        return (predictions.astype("float32") - zero) * scale

    def run_in_batches(images):
        return np.concatenate([run(part) for part in batches_of(batch_size, images)])[: len(images)]

    return {"the file": run if batch_size < 0 else run_in_batches}


def batches_of(batch_size: int | None, images: np.ndarray) -> np.ndarray:
    """Returns the images in whole batches, `(m, batch_size, ...)`; the first ones fill the last batch up."""
    assert batch_size is not None
    indices = np.arange(-(-len(images) // batch_size) * batch_size) % len(images)
    return images[indices].reshape(-1, batch_size, *images.shape[1:])


def anatomy(path: Path) -> dict[str, Any]:
    """Returns the number of ops by type, and into how many parts LiteRT's CPU delegate, XNNPACK, puts them."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    ops = Counter(op["op_name"] for op in interpreter._get_ops_details())
    return {"partitions": ops.pop(PART, 0), "ops": dict(ops.most_common())}
