"""Options that several commands have."""

import pathlib
from typing import Literal, get_args

import click

from ...arguments import LARGEST_SEED

# The rules of `dia_keras.data.picture`, which imports NumPy: help comes without.
Resize = Literal["crop", "stretch", "pad", "center"]

data_dir_option = click.option("--data-dir", help="Folder of the TFDS data sets.")


def data_options(command):
    """Adds the options `--data` and `--data-dir`, as the arguments `source` and `data_dir`."""
    command = click.option(
        "--data", "source", help="An .npz file or a folder of images; default: the entry's data set, from TFDS."
    )(command)
    return data_dir_option(command)


weights_option = click.option(
    "--weights",
    default="pretrained",
    show_default=True,
    help="'pretrained', or a .weights.h5 or .safetensors file, for a zoo entry.",
)
minutes_option = click.option(
    "--minutes",
    type=float,
    help="Stop, with a checkpoint, before so many minutes are over. Run the same command again to go on.",
)


def seed_option(what: str):
    """Returns the option `--seed`, of what it says."""
    return click.option(
        "--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True, help=f"Seed of {what}."
    )


def labels_option(command):
    """Adds the option `--labels`, as the argument `labels`: the names in a text file."""
    return click.option(
        "--labels",
        type=click.Path(path_type=pathlib.Path),
        callback=_names_in,
        help="Text file with one class name per line, for a .keras or a weights file, which may have none.",
    )(command)


def _names_in(context: click.Context, parameter: click.Parameter, path: pathlib.Path | None) -> tuple[str, ...] | None:
    if path is None:
        return None
    try:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"It must be a text file in UTF-8. Received: {path} ({error})") from error


def resize_option(command):
    """Adds the option `--resize`, as the argument `resize`."""
    return click.option(
        "--resize",
        type=click.Choice(get_args(Resize)),
        help="How images of other sizes are resized: crop (the center), stretch (the whole image, out of shape), pad "
        "(the whole image, with black borders), center (seven eighths of crop); default: what the card says.",
    )(command)


def json_option(command):
    """Adds the option `--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def complete_entry(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Returns the names of entries that the shell offers for what is typed so far."""
    from ... import zoo

    return zoo.list_models(f"{incomplete}*")
