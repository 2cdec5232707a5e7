"""The report of an export."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from ..files import write_json


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """An exported and checked file.

    Attributes:
        path: The file; the folder of a SavedModel.
        format: Name of the format, such as `"tflite"`.
        quantize: Its quantization, or `None`.
        size_bytes: Size of the file, or of all files of the folder.
        seconds: Time of the export: conversion, and predictions of model and file on the images compared.
        conversion_seconds: Time of the conversion alone.
        max_difference: Largest difference from the model's predictions, see `comparison.largest_difference`; for a
            detector, see `detectors.comparison.differences`.
        images: Number of images compared.
        ops: Number of the file's ops by type, most frequent first.
        partitions: Number of partitions into which XNNPACK, LiteRT's CPU delegate, puts the ops of a TFLite file.
        agreement: Fraction of the images that file and model put into the same class: of the test images, if there are
            any, or else of those compared, with representative ones where ranges were measured. `None` for models
            without classes.
        top1: Fraction of the test images, if there are any, that the file classifies correctly.
        model_top1: The same for the model, in float32.
        box_difference: Largest difference of a detector's boxes, in pixels of its input. `None` for other models.
        detections: Number of objects that the detector found in the images compared. `None` for other models.
    """

    path: Path
    format: str
    quantize: str | None
    size_bytes: int
    seconds: float
    conversion_seconds: float
    max_difference: float
    images: int
    ops: dict[str, int]
    partitions: int | None = None
    agreement: float | None = None
    top1: float | None = None
    model_top1: float | None = None
    box_difference: float | None = None
    detections: int | None = None

    @property
    def variant(self) -> str:
        """Returns the format and, if there is one, the quantization."""
        return f"{self.format}, {self.quantize}" if self.quantize else self.format

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as what JSON can hold."""
        return {**dataclasses.asdict(self), "path": str(self.path)}

    def save(self, path: str | Path) -> None:
        """Writes the report to the JSON file `path`."""
        write_json(Path(path), self.to_dict())


def table(reports: Iterable[ExportReport], title: str | None = None) -> Table:
    """Returns reports as a table for the terminal."""
    reports = list(reports)
    columns = ["format", "MB", "seconds", "converting", "ops", "partitions", "difference to Keras"]
    measured = any(report.top1 is not None for report in reports)
    if quantized := any(report.quantize and report.agreement is not None for report in reports):
        columns.append("same top-1 (%)")
    if of_detectors := any(report.detections is not None for report in reports):
        columns += ["boxes (pixels)", "objects compared"]
    columns += ["top-1 (%)", "Keras' (%)"] if measured else []
    shown = Table(*(Column(column, overflow="fold") for column in columns), title=title)
    for report in reports:
        shown.add_row(
            report.variant,
            f"{report.size_bytes / 1e6:.2f}",
            f"{report.seconds:.1f}",
            f"{report.conversion_seconds:.1f}",
            str(sum(report.ops.values())),
            "" if report.partitions is None else str(report.partitions),
            f"{report.max_difference:.1e}",
            *([_percent(report.agreement)] if quantized else []),
            *([_pixels(report.box_difference), str(report.detections or "")] if of_detectors else []),
            *([_percent(report.top1), _percent(report.model_top1)] if measured else []),
        )
    return shown


def _pixels(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"
