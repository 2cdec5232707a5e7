"""The command line, `dia-keras`."""

import functools
import pathlib
import tempfile
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

console = Console()


def without_traceback(command):
    """Shows the errors that bad input causes as one line."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except (ValueError, OSError, ImportError, RuntimeError) as error:
            raise click.ClickException(str(error)) from error

    return wrapped


def _example(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dia-keras")
def main() -> None:
    """DIA networks for Keras: pretrained models, training, export."""


@main.command(
    "list",
    epilog=_example("dia-keras list 'dia_*_cifar100'", "dia-keras list --pretrained", "dia-keras list --attentions"),
)
@click.argument("pattern", default="*")
@click.option("--pretrained", is_flag=True, help="Only entries with weights.")
@click.option("--attentions", is_flag=True, help="The attentions instead, with their numbers of parameters.")
@without_traceback
def list_command(pattern: str, pretrained: bool, attentions: bool) -> None:
    """List the zoo's entries, or the attentions, whose names match PATTERN."""
    from . import zoo

    if attentions and pretrained:
        raise click.UsageError("`--attentions` and `--pretrained` exclude each other.")
    if attentions:
        console.print(_attentions(pattern))
        return
    names = zoo.list_models(pattern, pretrained=pretrained)
    if not names:
        raise click.ClickException(f"No entry matches {pattern!r}" + (" and has weights." if pretrained else "."))
    # Whole names in 80 columns, which is what a pipe has.
    table = Table(Column("name", no_wrap=True), "data set", "MB", "top-1 %", "top-5 %")
    table.caption = "MB: of the weights; empty: not trained yet"
    for name in names:
        card = zoo.card(name)
        size = f"{card.weights.size / 1e6:.2f}" if card.weights else ""
        metrics = [f"{value:.2f}" for value in (card.metrics.top1, card.metrics.top5)] if card.metrics else ["", ""]
        table.add_row(name, card.dataset.title, size, *metrics)
    console.print(table)


def _attentions(pattern: str) -> Table:
    """Returns the table of the attentions that backbones know by name."""
    import fnmatch

    from .backbones import ATTENTIONS

    table = Table("attention", "name", "parameters for N channels")
    table.add_column("paper", overflow="fold")
    for name in fnmatch.filter(ATTENTIONS, pattern):
        attention = ATTENTIONS[name]
        table.add_row(name, attention.title, attention.formula, attention.paper.removeprefix("https://"))
    if not table.row_count:
        raise click.ClickException(f"No attention matches {pattern!r}.")
    return table


@main.command(epilog=_example("dia-keras card dia_resnet20_cifar100"))
@click.argument("name")
@without_traceback
def card(name: str) -> None:
    """Show the card of the entry NAME: architecture, data, recipe, figures, licence."""
    from . import zoo

    entry = zoo.card(name)
    table = Table(show_header=False, title=name)
    for key, value in _flatten(entry):
        table.add_row(key, value)
    console.print(table)


def _flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Returns the fields of nested dataclasses and dicts as dotted names and texts."""
    import dataclasses

    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return [row for key, item in value.items() for row in _flatten(item, f"{prefix}.{key}" if prefix else str(key))]
    if isinstance(value, (tuple, list)):
        text = ", ".join(map(str, value))
        return [(prefix, text if len(value) <= 12 else f"{len(value)}: {', '.join(map(str, value[:6]))}, ...")]
    return [] if value is None else [(prefix, str(value))]


@main.command(
    epilog=_example(
        "dia-keras predict apple.png tiger.png",
        "dia-keras predict --model dia_resnet20_cifar10 --picture answer.png horse.png",
    )
)
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@click.option("--model", "name", default="dia_resnet20_cifar100", show_default=True, help="Zoo entry.")
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="Classes to show.")
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write images and answers to a PNG."
)
@without_traceback
def predict(images: tuple[pathlib.Path, ...], name: str, top: int, picture: pathlib.Path | None) -> None:
    """Classify IMAGES, of any format that Pillow reads. Of other sizes than the model's, the scaled centre is taken."""
    import numpy as np

    from . import zoo
    from .data.picture import read_picture

    _check_folder(picture)
    height, width = zoo.card(name).dataset.image_size
    batch = np.stack([read_picture(path, height, width) for path in images])
    answers = zoo.decode_predictions(zoo.load(name).predict(batch, verbose=0), name, top=top)
    table = Table("image", *(f"{i + 1}." for i in range(len(answers[0]))))
    for path, answer in zip(images, answers, strict=True):
        table.add_row(path.name, *(f"{label} {probability:.1%}" for label, probability in answer))
    console.print(table)
    if picture:
        _picture(batch, answers, picture)
        console.print(f"Wrote {picture}")


def _check_folder(path: pathlib.Path | None) -> None:
    """Raises a `ValueError` where a file that is written at the end has no folder to lie in."""
    if path and not path.absolute().parent.is_dir():
        raise ValueError(f"The folder of a file to write must exist. Received: {path}")


def _picture(batch, answers, path: pathlib.Path) -> None:
    """Writes images, each with its answers as bars, to a PNG."""
    from matplotlib.figure import Figure

    from .files import staged

    figure = Figure(figsize=(7, 1.5 * len(batch)), layout="constrained")
    for row, (image, answer) in zip(
        figure.subplots(len(batch), 2, squeeze=False, width_ratios=(1, 3)),
        zip(batch, answers, strict=True),
        strict=True,
    ):
        row[0].imshow(image)
        row[0].axis("off")
        row[1].barh([label for label, _ in answer], [probability for _, probability in answer])
        row[1].set_xlim(0, 1)
        row[1].invert_yaxis()
    with staged(path) as new:
        figure.savefig(new, dpi=110, format="png")


def data_options(command):
    command = click.option(
        "--data", "source", help="An .npz file or a folder of images; default: the entry's data set, from TFDS."
    )(command)
    return click.option("--data-dir", help="Folder of the TFDS data sets.")(command)


@main.command(epilog=_example("dia-keras evaluate dia_resnet20_cifar100 --data-dir ~/tensorflow_datasets"))
@click.argument("name")
@click.option("--weights", default="pretrained", show_default=True, help="'pretrained' or a .weights.h5 file.")
@click.option("--per-class/--no-per-class", default=True, show_default=True, help="Show the accuracy of every class.")
@data_options
@without_traceback
def evaluate(name: str, weights: str, per_class: bool, source: str | None, data_dir: str | None) -> None:
    """Measure the entry NAME on its whole test set."""
    show_evaluation(name, measure(name, weights, source, data_dir), per_class)


def measure(name: str, weights: str = "pretrained", source: str | None = None, data_dir: str | None = None):
    """Returns the `Evaluation` of a zoo entry, loaded as a user loads it, on its whole test set."""
    from . import zoo
    from .training import evaluate as evaluate_model
    from .training.run import load_data

    model = zoo.load(name, weights=weights)
    dataset = load_data(zoo.card(name), source, data_dir)
    return evaluate_model(model, dataset.test, dataset.class_names)


def show_evaluation(name: str, result, per_class: bool) -> None:
    """Prints an `Evaluation` as tables."""
    if per_class:
        ranked = sorted(result.per_class.items(), key=lambda item: item[1])
        columns = 4 if len(ranked) > 20 else 1
        rows = -(-len(ranked) // columns)
        table = Table(*["class", "top-1 (%)"] * columns, title=f"{name}: classes, worst first")
        for i in range(rows):
            cells = [ranked[j] for j in range(i, len(ranked), rows)]
            table.add_row(*(text for label, top1 in cells for text in (label, f"{100 * top1:.1f}")))
        console.print(table)
    table = Table("entry", "images", "top-1 (%)", "top-5 (%)")
    table.add_row(name, str(result.images), f"{100 * result.top1:.2f}", f"{100 * result.top5:.2f}")
    console.print(table)


@main.command(
    epilog=_example(
        "dia-keras train zoo/recipes/one_cycle_cpu.py --entry dia_resnet20_cifar10",
        "dia-keras train zoo/recipes/one_cycle_gpu.py --minutes 28 --fit",
        "dia-keras train zoo/recipes/paper_resnet.py --set epochs=10 --set milestones='(5, 8)' --smoke",
    )
)
@click.argument("recipe", type=click.Path(dir_okay=False, path_type=pathlib.Path))
@click.option("--entry", help="Zoo entry to train, in place of the recipe's own.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    help="Folder of the run; default: runs/<entry>, and a temporary one for --smoke.",
)
@click.option("--minutes", type=float, help="Stop, with a checkpoint, before this wall-clock budget is spent.")
@click.option("--fit", "fit_to_minutes", is_flag=True, help="Lower the number of epochs to what --minutes allows.")
@click.option("--smoke", is_flag=True, help="Two steps only, to see that the recipe runs.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field of the recipe.")
@data_options
@without_traceback
def train(
    recipe: pathlib.Path,
    entry: str | None,
    out: pathlib.Path | None,
    minutes: float | None,
    fit_to_minutes: bool,
    smoke: bool,
    changes: tuple[str, ...],
    source: str | None,
    data_dir: str | None,
) -> None:
    """Train a zoo entry by the file RECIPE; called again, go on where the run stopped."""
    from .training import load_recipe
    from .training import train as train_entry

    values = dict(_parse_change(change) for change in changes)
    if entry:
        values["entry"] = entry
    loaded = load_recipe(recipe, **values)
    directory = out or (pathlib.Path(tempfile.mkdtemp()) if smoke else pathlib.Path("runs", loaded.entry))
    weights = train_entry(
        loaded,
        directory,
        source=source,
        data_dir=data_dir,
        minutes=minutes,
        fit_to_minutes=fit_to_minutes,
        is_smoke=smoke,
    )
    if weights:
        console.print(f"Training is complete: {weights}; curves in {directory / 'curves.png'}")
    else:
        console.print("The budget is spent. Run the same command again to go on.")


def _parse_change(change: str) -> tuple[str, Any]:
    """Returns field and value of `FIELD=VALUE`; the value is a Python literal, or else a text."""
    import ast

    field, separator, text = change.partition("=")
    if not separator:
        raise ValueError(f"`--set` takes FIELD=VALUE. Received: {change!r}")
    try:
        return field, ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return field, text


@main.command(
    epilog=_example(
        "dia-keras export dia_resnet20_cifar100 model.tflite",
        "dia-keras export dia_resnet20_cifar100 model.tflite --quantize int8 --data-dir ~/tensorflow_datasets",
        "dia-keras export dia_resnet20_cifar100 model.onnx --test",
        "dia-keras export dia_resnet20_cifar100 saved_model_folder",
    )
)
@click.argument("name")
@click.argument("path", type=click.Path(path_type=pathlib.Path))
@click.option("--weights", default="pretrained", show_default=True, help="'pretrained' or a .weights.h5 file.")
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
) -> None:
    """Export the entry NAME to PATH: .tflite, .onnx, or a SavedModel folder.

    The file is run and compared with the model first. What was found is shown, and written to PATH.report.json.
    """
    from . import export as exporters
    from . import zoo
    from .export.arguments import CALIBRATED
    from .export.report import table
    from .training.run import load_data

    formats: dict[str, Any] = {
        ".tflite": exporters.to_tflite,
        ".onnx": exporters.to_onnx,
        "": exporters.to_saved_model,
    }
    if path.suffix not in formats:
        raise ValueError(f"`path` must end in .tflite or .onnx, or have no ending. Received: path={str(path)!r}")
    if quantize and not (path.suffix == ".tflite" or (path.suffix == ".onnx" and quantize == "int8")):
        raise ValueError(f"`--quantize {quantize}` is not for such files. Received: path={str(path)!r}")
    if input_dtype and not path.suffix:
        raise ValueError(f"`--input-dtype` is for .tflite and .onnx files. Received: path={str(path)!r}")
    options: dict[str, Any] = {"quantize": quantize, "input_dtype": input_dtype}
    options = {key: value for key, value in options.items() if value}
    card = zoo.card(name)
    if on_test_set or quantize in CALIBRATED:
        dataset = load_data(card, source, data_dir)
        if quantize in CALIBRATED:
            options["representative"] = _some_of(dataset.train.images)
        if on_test_set:
            options["test"] = (dataset.test.images, dataset.test.labels)
    report = formats[path.suffix](zoo.load(name, weights=weights), path, labels=card.labels, **options)
    report.save(f"{path}.report.json")
    console.print(table([report], title=f"{name}: {path}"))


def _some_of(images):
    """Returns 200 images, or all if there are fewer: a folder has them class by class."""
    import numpy as np

    return images[np.random.default_rng(0).permutation(len(images))[:200]]


@main.command(
    epilog=_example(
        "dia-keras benchmark dia_resnet164_cifar100 dia_light_resnet164_cifar100",
        "dia-keras benchmark dia_resnet20_cifar100 --runtime tflite --runtime onnx --batch 1 --batch 32 --threads 2",
        "dia-keras benchmark dia_resnet164_cifar100 --runtime onnx --peers",
        "dia-keras benchmark dia_resnet164_cifar100 --least --plot latency.png --out latency.json",
    )
)
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    default=["tflite"],
    show_default=True,
    help="tflite, tflite-cached (weight cache), tflite-dynamic (int8 weights), onnx or xla (a compiled SavedModel).",
)
@click.option("--batch", "batch_sizes", multiple=True, type=click.IntRange(1), default=[1], show_default=True)
@click.option("--threads", multiple=True, type=click.IntRange(1), default=[1], show_default=True)
@click.option("--runs", type=click.IntRange(1), default=100, show_default=True, help="Calls of each network.")
@click.option("--as-trained", is_flag=True, help="Time the networks without the rewrite for inference, too.")
@click.option("--least", is_flag=True, help="Time what attention costs at least, too.")
@click.option("--peers", is_flag=True, help="Time pytorchcv's networks in PyTorch, too, eager and compiled.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Draw a PNG.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write a JSON file.")
@without_traceback
def benchmark(names: tuple[str, ...], plot: pathlib.Path | None, out: pathlib.Path | None, **options) -> None:
    """Time the entries NAMES beside their plain twins, in turns in this process, as they are deployed."""
    from .benchmark import measure, show

    _check_folder(plot)
    _check_folder(out)
    measurements = measure(names, **options)
    console.print(show.table(measurements))
    if plot:
        show.plot(measurements, plot)
        console.print(f"Wrote {plot}")
    if out:
        show.save(measurements, out)
        console.print(f"Wrote {out}")
