"""`dia-keras export`: a file for TFLite, ONNX or TensorFlow."""

import pathlib
from typing import Any

import click

from .parameters.inputs import check_json
from .parameters.options import complete_entry, data_options, labels_option, resize_option, weights_option
from .terminal.console import console, examples, make_table
from .terminal.errors import without_traceback


@click.command(
    short_help="Write a .tflite or .onnx file, or a SavedModel.",
    epilog=examples(
        "dia-keras export dia_resnet20_cifar100 model.tflite",
        "dia-keras export dia_resnet20_cifar100 model.tflite --quantize int8 --data-dir ~/tensorflow_datasets",
        "dia-keras export dia_resnet20_cifar100 model.onnx --test",
        "dia-keras export dia_resnet20_cifar100 saved_model_folder",
        "dia-keras export runs/xray xray.tflite",
        "dia-keras export runs/coco128 detector.onnx",
    ),
)
@click.argument("name", shell_complete=complete_entry)
@click.argument("path", type=click.Path(path_type=pathlib.Path))
@weights_option
@click.option(
    "--quantize",
    type=click.Choice(["float16", "dynamic", "int8", "int16x8"]),
    help="For .tflite; int8 for .onnx, too. int8 and int16x8 measure ranges on 200 training images.",
)
@click.option(
    "--input-dtype",
    type=click.Choice(["uint8", "float32", "int8"]),
    help="What .tflite and .onnx files take; default: uint8. int8 is for --quantize int8 in .tflite files.",
)
@click.option("--test", "on_test_set", is_flag=True, help="Measure top-1 of the file and the model on the test set.")
@data_options
@labels_option
@resize_option
@without_traceback
def export(
    name: str,
    path: pathlib.Path,
    weights: str,
    quantize: str | None,
    input_dtype: str | None,
    on_test_set: bool,
    source: str | None,
    data_dir: str | None,
    labels: tuple[str, ...] | None,
    resize: str | None,
) -> None:
    """Export NAME to PATH: .tflite, .onnx, or a SavedModel folder.

    NAME is an entry, a repository (hf://user/repo), a run's folder, a .keras file, or a weights file that names its
    entry.

    The file says to the programs in export/ how to resize images, as --resize or NAME's card says.
    The file is run and compared with the model first. What was found is shown, and written to PATH.report.json.
    Of detectors, RetinaNet goes to .tflite, without non-maximum suppression; both go to the others, with it inside.
    """
    from ..detection.finding import find_detector, is_detector
    from ..export.exporter import export_model
    from ..export.registry import FORMATS, format_of
    from ..export.report import table
    from ..export.requests.images import pixel_samples
    from ..zoo.finding import find_network
    from ..zoo.network_data import load_data_of

    format = format_of(path)
    if quantize not in format.quantizations:
        forms = " or ".join(name for name in format.quantizations if name)
        raise ValueError(
            f"`--quantize` must be {f'{forms}, or left out,' if forms else 'left out'} for {format.name}. "
            f"Received: {quantize} and path={str(path)!r}"
        )
    if input_dtype and format.takes_any_dtype:
        suffixes = " and ".join(other.suffix for other in FORMATS.values() if not other.takes_any_dtype)
        raise ValueError(f"`--input-dtype` is for {suffixes} files. Received: path={str(path)!r}")
    is_calibrated = format.quantizations[quantize].calibrated
    options: dict[str, Any] = {"quantize": quantize, "input_dtype": input_dtype}
    options = {key: value for key, value in options.items() if value}
    network: Any
    of_detector, needs_data = is_detector(name), on_test_set or is_calibrated
    if of_detector:
        used = {"weights": weights != "pretrained", "quantize": quantize, "test": on_test_set, "labels": labels}
        _check_unused(name, **used, data=source, data_dir=data_dir, resize=resize)
        network = find_detector(name)
    else:
        if (source or data_dir) and not needs_data:
            raise ValueError(
                "`--data` and `--data-dir` are for `--test`, and for the forms of `--quantize` that measure ranges. "
                f"Received: {source or data_dir!r} without them"
            )
        network = find_network(name, weights, labels)
        options["resize"] = resize or network.resize
    if needs_data:
        dataset = load_data_of(network, source, data_dir, resize=resize)
        if is_calibrated:
            options["representative"] = _some_of(dataset.train.images)
        if on_test_set:
            options["test"] = (dataset.test.images, dataset.test.labels)
    report_path = pathlib.Path(f"{path}.report.json")
    if report_path.is_dir():
        raise ValueError(f"`PATH`.report.json must not be a folder. Received: PATH={str(path)!r}")
    if report_path.exists():
        check_json("PATH.report.json", report_path, ("path", "format", "max_difference"))
    model = network.load()
    if not (of_detector or needs_data):
        options["images"] = pixel_samples(model)  # networks take pixel values, whatever they begin with
    report = export_model(format, model, path, labels=network.labels, **options)
    report.save(report_path)
    # A row for each column: one report has more of them than 80 columns hold.
    shown = make_table("", "", show_header=False, title=f"{name}: {path}")
    for column in table([report]).columns:
        shown.add_row(str(column.header), *map(str, column.cells))
    console.print(shown)


def _check_unused(name: str, **options: Any) -> None:
    """Raises a `ValueError` where an option is used that detectors do not have."""
    for option, value in options.items():
        if value:
            raise ValueError(f"`--{option.replace('_', '-')}` is not for detectors. Received: {name}, a detector")


def _some_of(images):
    """Returns 200 images, or all if there are fewer: a folder has them class by class."""
    import numpy as np

    return images[np.random.default_rng(0).permutation(len(images))[:200]]
