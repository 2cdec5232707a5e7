"""What an export tells about itself."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportReport:
    """An exported and checked file.

    Attributes:
        path: The file; the folder of a SavedModel.
        format: `"saved_model"`, `"tflite"` or `"onnx"`.
        size_bytes: Size of the file, or of all files of the folder.
        seconds: Time of the whole export: conversion, and predictions of both model and file.
        max_difference: Largest difference from the model's predictions, see `parity.largest_difference`.
    """

    path: Path
    format: str
    size_bytes: int
    seconds: float
    max_difference: float
