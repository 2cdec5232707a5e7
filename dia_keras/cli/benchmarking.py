"""`dia-keras benchmark`: latency beside the plain net."""

import pathlib

import click

from .parameters.inputs import check_json, check_picture
from .parameters.options import complete_entry, json_option
from .terminal.console import console, examples, print_json
from .terminal.errors import without_traceback


@click.command(
    short_help="Time networks beside their plain twins.",
    epilog=examples(
        "dia-keras benchmark dia_resnet164_cifar100 dia_light_resnet164_cifar100",
        "dia-keras benchmark dia_resnet20_cifar100 --runtime tflite --runtime onnx --batch 1 --batch 32 --threads 2",
        "dia-keras benchmark dia_resnet164_cifar100 --runtime onnx --peers",
        "dia-keras benchmark dia_resnet164_cifar100 --least --plot latency.png --out latency.json",
    ),
)
@click.argument("names", nargs=-1, required=True, shell_complete=complete_entry)
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
@click.option("--least", is_flag=True, help="Also time the lower bounds of what attention costs.")
@click.option("--peers", is_flag=True, help="Time pytorchcv's twins of entries in PyTorch, too, eager and compiled.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Draw a PNG.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write a .json file.")
@json_option
@without_traceback
def benchmark(
    names: tuple[str, ...], plot: pathlib.Path | None, out: pathlib.Path | None, as_json: bool, **options
) -> None:
    """Time NAMES, entries beside their plain twins, in turns in this process, as they are deployed.

    NAMES may also be repositories (hf://user/repo), runs' folders, .keras files, and weights files that name their
    entry. These do not have twins.
    """
    from ..benchmark import measure, show

    check_picture("--plot", plot)
    check_json("--out", out, show.record([]))
    measurements = measure(names, **options)
    if plot:
        show.plot(measurements, plot)
    if out:
        show.save(measurements, out)
    if as_json:
        print_json(show.record(measurements))
        return
    console.print(show.table(measurements))
    for path in filter(None, (plot, out)):
        console.print(f"Wrote {path}")
