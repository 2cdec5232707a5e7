"""Writing TFLite files."""

import json
import zipfile
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from ..errors import ExportError
from ..frozen_graph import freeze, named, output_names
from ..requests.request import Request
from .delegate import with_casts_of_images_first
from .int8 import to_int8
from .int16 import to_int16x8
from .model_metadata import LABELS, flatbuffer_of, with_model_metadata
from .runner import batches_of


def write(model: keras.Model, request: Request, metadata: Mapping[str, Any]) -> None:
    """Writes the file, with one signature, "images" to "predictions", and its metadata after it."""
    content = with_model_metadata(converted(model, request), flatbuffer_of(metadata))
    write_archive(content, request, metadata)


def converted(model: keras.Model, request: Request) -> bytes:
    """Returns a file with one signature, "images" to "predictions" or outputs of other names, without metadata."""
    quantize, batch_size = request.quantize, request.options["batch_size"]
    integers_alone = request.input_dtype == "int8"
    takes = "float32" if integers_alone else request.input_dtype
    frozen = freeze(model, batch_size, native_groups=True, input_dtype=takes)
    signature = named(frozen, output_names(model))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([signature], tf.Module())
    if quantize in ("float16", "dynamic"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        content = with_casts_of_images_first(converter.convert())
        if request.representative is not None:
            batches = batches_of(batch_size, request.representative).astype(takes)
            content = to_int8(content, batches, integers_alone) if quantize == "int8" else to_int16x8(content, batches)
    except (RuntimeError, ConverterError) as error:
        raise ExportError(
            f"`model` must consist of ops that TFLite has. Received: model={model.name!r}, {quantize=}. "
            f"The converter says: {str(error).strip().splitlines()[0]}"
        ) from error
    return content


def write_archive(content: bytes, request: Request, metadata: Mapping[str, Any]) -> None:
    """Writes a file that is, as TFLite Model Metadata has it, also a zip archive of labels and metadata."""
    request.path.write_bytes(content)
    with zipfile.ZipFile(request.path, "a") as archive:
        archive.writestr("metadata.json", json.dumps(metadata, indent=1))
        if request.labels:
            archive.writestr(LABELS, "\n".join(request.labels) + "\n")
