"""Exports entries of the zoo in every form, and keeps the reports.

    python zoo/tools/exports.py dia_resnet20_cifar100 --data-dir ~/tensorflow_datasets

Each file is run and compared with the Keras model, and its accuracy measured on the whole test set, or on the first
`--test-images` where a network is so large that this takes hours; the ranges of activations are measured on
`--representative` training images. An entry without weights is exported with its initial values, of seed 0, residual
branches scaled down, and the statistics that its norms find in up to 50 of those images; its accuracy is not measured.
The reports go to `zoo/records/exports`: `NAME.json` of an entry with weights, a row for each form in `untrained.csv` of
the others; `make tables` makes `zoo/EXPORTS.md` of them. The files themselves are not kept. A form that the exporter
refuses is reported with its message.

oneDNN and malloc keep memory for later; the largest nets take less (`peak_memory` of the reports) with

    TF_ENABLE_ONEDNN_OPTS=0 MALLOC_MMAP_THRESHOLD_=1000000 MALLOC_TRIM_THRESHOLD_=1000000

`cbam_resnext101_8x32d_cifar100` took 19.4 GB without them and 10.7 GB with them.

With `--weights`, an entry is exported with those of a run that is not shipped, and its report goes to `--out`:

    python zoo/tools/exports.py dia_resnet164_cifar100 --weights runs/dia_resnet164_cifar100/final.weights.h5 \\
        --out zoo/records/experiments/exports
"""

import gc
import os
import pathlib
import re
import resource
import tempfile

import click
import keras
import reports
from rich.console import Console

from dia_keras import export, zoo
from dia_keras.cli import data_options, without_traceback
from dia_keras.export.registry import CALIBRATED
from dia_keras.export.report import table
from dia_keras.host import describe_run
from dia_keras.training.averaging import measure_statistics
from dia_keras.zoo.network_data import load_data

REPORTS = pathlib.Path(__file__).resolve().parents[1] / "records" / "exports"
#: Largest number of images that norms are measured on: a deep net keeps all its features of them in memory.
SETTLING = 50
#: Scale of residual branches before training: what DIA-LSTM multiplies them by at its start.
DAMPED = 0.25
#: Variables of the environment by which less memory is kept that is not used.
MEMORY = ("TF_ENABLE_ONEDNN_OPTS", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
#: Exporter, name of the file, and its options.
FORMS = (
    (export.to_saved_model, "saved_model", {}),
    (export.to_tflite, "model.tflite", {}),
    (export.to_tflite, "model.tflite", {"quantize": "float16"}),
    (export.to_tflite, "model.tflite", {"quantize": "dynamic"}),
    (export.to_tflite, "model.tflite", {"quantize": "int8"}),
    (export.to_tflite, "model.tflite", {"quantize": "int16x8"}),
    (export.to_onnx, "model.onnx", {}),
    (export.to_onnx, "model.onnx", {"quantize": "int8"}),
)


def damp_branches(model: keras.Model) -> None:
    """Gives the norms that end a residual branch the scale `DAMPED`, where blocks end in the ReLU of the sum.

    With 1, a net of 54 blocks makes more of float32's rounding than the exporters let pass, unless its attention scales
    the branches, as DIA-LSTM's does.
    """
    names = {layer.name for layer in model.layers}
    for layer in model.layers:
        activation = re.sub(r"_bn(\d)$", r"_relu\1", layer.name)
        if activation != layer.name and activation not in names:
            layer.gamma.assign(keras.ops.full(layer.gamma.shape, DAMPED))


def export_all(
    name: str,
    representative: int,
    test_images: int | None,
    weights: str | None,
    source: str | None,
    data_dir: str | None,
):
    """Exports an entry in all forms.

    Returns:
        The reports; format, quantization and reason of those refused; and the number of test images that the
        accuracies are of.
    """
    card = zoo.card(name)
    trained = weights is not None or card.weights is not None
    keras.utils.set_random_seed(0)
    model = zoo.load(name, weights=weights or ("pretrained" if trained else None))
    data = load_data(card, source, data_dir)
    if not trained:
        damp_branches(model)
        # With the statistics that its norms begin with, a deep net answers only 0 or 1.
        measure_statistics(model, [data.train.images[: min(representative, SETTLING)]])
    test = (data.test.images[:test_images], data.test.labels[:test_images]) if trained else None
    common = {"labels": card.labels, "test": test}
    exported, refused = [], []
    with tempfile.TemporaryDirectory() as folder:
        for exporter, file, options in FORMS:
            if options.get("quantize") in CALIBRATED:
                options = {**options, "representative": data.train.images[:representative]}
            try:
                exported.append(exporter(model, pathlib.Path(folder, file), **common, **options))
            except ValueError as error:
                format, quantize = exporter.__name__.removeprefix("to_"), options.get("quantize")
                refused.append({"format": format, "quantize": quantize, "reason": str(error)})
            gc.collect()  # TensorFlow's graphs hold each other, and copies of the weights
    return exported, refused, len(test[1]) if test else 0


def peak_memory() -> int:
    """Returns bytes: the most that this process has held so far, and the most that one of its children has."""
    return 1024 * sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


@click.command(help=__doc__)
@click.argument("names", nargs=-1, required=True)
@click.option("--representative", default=200, show_default=True, type=click.IntRange(1))
@click.option("--test-images", type=click.IntRange(1), help="Test images that accuracies are of; default: all.")
@click.option("--weights", type=click.Path(exists=True, dir_okay=False), help="Weights of a run; with --out.")
@click.option("--out", type=click.Path(file_okay=False, path_type=pathlib.Path), help="Folder of the reports.")
@data_options
@without_traceback
def main(
    names: tuple[str, ...],
    representative: int,
    test_images: int | None,
    weights: str | None,
    out: pathlib.Path | None,
    source: str | None,
    data_dir: str | None,
):
    if weights and (len(names) > 1 or not out or out.resolve() == REPORTS):
        raise ValueError(
            "`--weights` must come with one name and another folder of reports than that of the shipped weights. "
            f"Received: {len(names)} names, --out {out}"
        )
    out = out or REPORTS
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        exported, refused, tested = export_all(name, representative, test_images, weights, source, data_dir)
        Console().print(table(exported, title=name))
        for refusal in refused:
            Console().print(f"{refusal['format']}, {refusal['quantize']}: {refusal['reason']}")
        exports = [{**report.to_dict(), "path": report.path.name} for report in exported]
        record = {"entry": name, "exports": exports, "refused": refused}
        if len(names) == 1:  # the peak of a process never falls
            record["peak_memory"] = peak_memory()
        if tested:
            record["test_images"] = tested
        record["run"] = {**describe_run(), "environment": {key: os.environ[key] for key in MEMORY if key in os.environ}}
        reports.write(out, record, is_trained=weights is not None or zoo.card(name).weights is not None)


if __name__ == "__main__":
    main()
