"""`dia-keras convert`: weights of PyTorch for Keras."""

import pathlib

import click

from .parameters.inputs import check_output
from .parameters.options import complete_entry, json_option
from .terminal.console import console, examples, make_table, print_json
from .terminal.errors import without_traceback


@click.command(
    short_help="Convert weights of PyTorch for an entry.",
    epilog=examples(
        "dia-keras convert --fetch dia_resnet164_cifar100",
        "dia-keras convert resnet50-0676ba61.pth resnet50_imagenet -o resnet50.weights.h5",
        "dia-keras convert checkpoint.pth.tar dia_wrn52_4_cifar10 --source dianet/dia_wrn52_4_cifar10 -o w.weights.h5",
        "dia-keras convert --fetch pytorchcv/resnext29_32x4d_cifar10 -o resnext29.keras",
        "dia-keras convert --list",
    ),
)
@click.argument("file", required=False, type=click.Path(path_type=pathlib.Path))
@click.argument("entry", required=False, shell_complete=complete_entry)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="A .weights.h5 file, or .keras for the whole network; default with --fetch: the name, in this folder.",
)
@click.option(
    "--source", help="Library and model, e.g. pytorchcv/diaresnet164bn_cifar100; default: by the file's name."
)
@click.option("--fetch", "name", help="Download the published weights of this entry, or library and model, first.")
@click.option("--list", "show", is_flag=True, help="List the published weights that are known.")
@json_option
@without_traceback
def convert(
    file: pathlib.Path | None,
    entry: str | None,
    out: pathlib.Path | None,
    source: str | None,
    name: str | None,
    show: bool,
    as_json: bool,
) -> None:
    """Convert FILE, weights of PyTorch, for the zoo's ENTRY; without ENTRY, for the source's own network, as .keras."""
    if show:
        if file or entry or out or source or name:
            raise click.UsageError("`--list` takes `--json` only.")
        _list(as_json)
        return
    if as_json:
        raise click.UsageError("`--json` is for `--list`.")
    from .. import interop
    from ..interop.catalog import verified
    from ..interop.conversion import check_path
    from ..interop.state import read_state

    if name and (file or source):
        raise click.UsageError("Give a FILE, or --fetch with a name and no more.")
    if name:
        published = interop.find_source(name)
        entry, source = published.entry, published.name
        file = interop.fetch(name)
        out = out or pathlib.Path(f"{entry}.weights.h5" if entry else f"{source.rpartition('/')[2]}.keras")
    if file is None:
        raise click.UsageError("Give a FILE, or --fetch with a name.")
    if out is None:
        raise click.UsageError("Give a file to write, -o OUT.weights.h5 or -o OUT.keras.")
    if not entry and out.suffix != ".keras":
        raise ValueError(f"`--out` must end in .keras for a network that is not a zoo entry. Received: {out}")
    check_path(out)
    check_output("--out", out)
    weights = read_state(file, verified(file, interop.find_source(name))) if name else file
    interop.save(interop.convert_torch(weights, entry, source), out)
    console.print(f"Wrote {out}")


def _list(as_json: bool) -> None:
    """Shows the published weights that are known."""
    import dataclasses

    from ..interop import sources

    if as_json:
        print_json([dataclasses.asdict(source) for source in sources()])
        return
    table = make_table("source", "entry", "top-1 %", "top-5 %", "license")
    for source in sources():
        accuracies = ("" if value is None else f"{value:.2f}" for value in (source.top1, source.top5))
        table.add_row(source.name, source.entry or "", *accuracies, source.license)
    console.print(table)
