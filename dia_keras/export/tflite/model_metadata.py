"""TFLite Model Metadata: a flatbuffer within a TFLite file that says how to feed it and what its outputs mean.

MediaPipe Tasks and Android Studio read it. Numbers of fields and kinds are those of `metadata_schema.fbs`, version
1.0.0: https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

#: The file of the names of the classes, a line each, in the zip archive that follows.
LABELS = "labels.txt"
#: Where readers look for the metadata among a file's buffers.
NAME = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER_VERSION = "1.0.0"

# Numbers of fields, by table.
MODEL = {"name": 0, "subgraph_metadata": 3, "min_parser_version": 7}
SUBGRAPH = {"input_tensor_metadata": 2, "output_tensor_metadata": 3}
TENSOR = {"name": 0, "description": 1, "content": 3, "process_units": 4, "associated_files": 6}
CONTENT = {"properties_type": 0, "properties": 1}
IMAGE = {"color_space": 0}
PROCESS_UNIT = {"options_type": 0, "options": 1}
NORMALIZATION = {"mean": 0, "std": 1}
FEATURES: dict[str, int] = {}
ASSOCIATED_FILE = {"name": 0, "description": 1, "type": 2}
# Kinds.
FEATURE_PROPERTIES, IMAGE_PROPERTIES = 1, 2
COLOR_SPACES = {3: 1, 1: 2}  # RGB and gray, by number of channels
NORMALIZATION_OPTIONS = 1
TENSOR_AXIS_LABELS = 2


class Offset(int):
    """Where a part lies in a flatbuffer."""


def flatbuffer_of(metadata: Mapping[str, Any]) -> bytes:
    """Returns the metadata of a file with one input and one output.

    A float32 file of pixel values is to be fed with (x - 0) / 1 for pixels x, since it normalizes them itself. Where
    it takes other values, nothing is said of how to make them of pixels, and MediaPipe Tasks refuses the file.

    Args:
        metadata: What `describe` returns.
    """
    builder = flatbuffers.Builder()

    def table(numbers: Mapping[str, int], **fields: Any) -> Offset:
        parts = {numbers[name]: part(value) for name, value in fields.items()}  # what a table points to comes first
        builder.StartObject(len(fields) and max(parts) + 1)
        for number, value in parts.items():
            if isinstance(value, Offset):
                builder.PrependUOffsetTRelativeSlot(number, value, 0)
            else:
                builder.PrependInt8Slot(number, value, 0)
        return Offset(builder.EndObject())

    def part(value: Any) -> int:
        if isinstance(value, str):
            return Offset(builder.CreateString(value))
        return vector(value) if isinstance(value, Sequence) else value

    def vector(values: Sequence[Any]) -> Offset:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            if isinstance(value, Offset):
                builder.PrependUOffsetTRelative(value)
            else:
                builder.PrependFloat32(value)
        return Offset(builder.EndVector())

    images: dict[str, Any] = {"name": metadata["input"]["name"], "description": "Images."}
    if color_space := COLOR_SPACES.get(metadata["input"]["shape"][-1]):
        properties = table(IMAGE, color_space=color_space)
        images["content"] = table(CONTENT, properties_type=IMAGE_PROPERTIES, properties=properties)
    if metadata["input"]["values"] == [0, 255] and metadata["input"]["dtype"] == "float32":
        options = table(NORMALIZATION, mean=[0.0], std=[1.0])
        images["process_units"] = [table(PROCESS_UNIT, options_type=NORMALIZATION_OPTIONS, options=options)]
    predictions: dict[str, Any] = {
        "name": metadata["output"]["name"],
        "description": "Predictions.",
        "content": table(CONTENT, properties_type=FEATURE_PROPERTIES, properties=table(FEATURES)),
    }
    if metadata["labels"]:
        names = table(ASSOCIATED_FILE, name=LABELS, description="Names of the classes.", type=TENSOR_AXIS_LABELS)
        predictions["associated_files"] = [names]
    subgraph = table(
        SUBGRAPH,
        input_tensor_metadata=[table(TENSOR, **images)],
        output_tensor_metadata=[table(TENSOR, **predictions)],
    )
    root = table(MODEL, name=metadata["name"], subgraph_metadata=[subgraph], min_parser_version=PARSER_VERSION)
    builder.Finish(root, IDENTIFIER)
    return bytes(builder.Output())


def with_model_metadata(content: bytes, metadata: bytes) -> bytes:
    """Returns a TFLite file with metadata."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(metadata, "uint8")
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    return flatbuffer_utils.convert_object_to_bytearray(model)
