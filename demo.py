"""`make demo`: load embedded pretrained weights, classify the sample images, export, compare."""

import pathlib
import time
from collections.abc import Callable
from functools import partial

import click
from rich.console import Console
from rich.table import Table

from dia_keras import export, zoo
from dia_keras.export.report import table as report_table
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
    """Exports one model; each file is run and compared before it is put in place."""
    name = "dia_resnet20_cifar100"
    started = time.perf_counter()
    model = zoo.load(name)
    console.print(f"zoo.load({name!r}): {time.perf_counter() - started:.2f} s")
    OUTPUT.mkdir(exist_ok=True)
    exports: dict[str, Callable[..., export.ExportReport]] = {
        "saved_model": export.to_saved_model,
        "model.tflite": export.to_tflite,
        "model.onnx": export.to_onnx,
        "model_dynamic.tflite": partial(export.to_tflite, quantize="dynamic"),
    }
    labels = zoo.card(name).labels
    reports = [exporter(model, OUTPUT / file, labels=labels) for file, exporter in exports.items()]
    console.print(report_table(reports, title=f"Exports of {name}, in {OUTPUT}/"))


@click.command(help=__doc__)
def main() -> None:
    classify()
    compare_exports()


if __name__ == "__main__":
    main()
