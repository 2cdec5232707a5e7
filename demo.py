"""`make demo`: load embedded pretrained weights, classify the sample images, export, compare."""

import pathlib
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from dia_keras import export, zoo
from dia_keras.samples import load_samples

OUTPUT = pathlib.Path("demo_output")
console = Console()


def classify() -> None:
    """Classifies each data set's sample images by its pretrained DIA-ResNet20."""
    for dataset in ("cifar100", "cifar10"):
        name = f"dia_resnet20_{dataset}"
        table = Table("image", "1.", "2.", "3.", title=f"Sample images, by {name}")
        images, labels = load_samples(dataset)
        answers = zoo.decode_predictions(zoo.load(name).predict(images, verbose=0), name, top=3)
        for label, answer in zip(labels, answers, strict=True):
            table.add_row(label, *(f"{guess} {probability:.1%}" for guess, probability in answer))
        console.print(table)


def compare_exports() -> None:
    """Exports one model to the three formats; each file was run and compared before it was put in place."""
    name = "dia_resnet20_cifar100"
    started = time.perf_counter()
    model = zoo.load(name)
    console.print(f"zoo.load({name!r}): {time.perf_counter() - started:.2f} s")
    OUTPUT.mkdir(exist_ok=True)
    table = Table("format", "file", "MB", "seconds", "difference to Keras", title=f"Exports of {name}")
    for exporter, path in (
        (export.to_saved_model, OUTPUT / "saved_model"),
        (export.to_tflite, OUTPUT / "model.tflite"),
        (export.to_onnx, OUTPUT / "model.onnx"),
    ):
        report = exporter(model, path)
        table.add_row(
            report.format,
            str(report.path),
            f"{report.size_bytes / 1e6:.2f}",
            f"{report.seconds:.1f}",
            np.format_float_scientific(report.max_difference, precision=1),
        )
    console.print(table)


if __name__ == "__main__":
    classify()
    compare_exports()
