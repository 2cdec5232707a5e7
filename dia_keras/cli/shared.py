"""The console, options and errors of all commands."""

import ast
import functools
import json
import pathlib
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args

import click
from rich.console import Console
from rich.table import Column, Table

from .. import progress, startup
from ..arguments import LARGEST_SEED
from ..figure_text import SOFTWARE
from .terminal.words import in_options

# Without rich's markup, such as [old] or :cat:, since paths and names are shown as they are.
console = Console(markup=False, emoji=False)

# The rules of `dia_keras.data.picture`, which imports NumPy: help comes without.
Resize = Literal["crop", "stretch", "pad", "center"]


def without_traceback(command):
    """Shows the errors that bad input causes, and warnings, as one line, and progress bars on a terminal."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        try:
            with warnings.catch_warnings(), progress.shown():
                warnings.showwarning = lambda message, *_: click.echo(f"Warning: {message}", err=True)
                return command(*args, **kwargs)
        except (ValueError, OSError, ImportError, RuntimeError) as error:
            problem = startup.backend_problem() if isinstance(error, ImportError) else None
            raise click.ClickException(problem or in_options(str(error), _command())) from error

    return wrapped


def _command() -> click.Command:
    """Returns the command that is running."""
    return click.get_current_context().command


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


def complete_entry(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Returns the names of entries that the shell offers for what is typed so far."""
    from .. import zoo

    return zoo.list_models(f"{incomplete}*")


def json_option(command):
    """Adds the option `--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def print_json(value: Any) -> None:
    """Prints a value as JSON, for programs."""
    # Names of files need not be UTF-8; what is not has escapes that JSON knows, too.
    click.echo(json.dumps(value, indent=2, ensure_ascii=False).encode(errors="backslashreplace").decode())


def printable(name: str) -> str:
    """Returns the name of a file with escapes in place of line breaks, control characters and what is not UTF-8."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in name)


def make_table(*columns: str, **settings: Any) -> Table:
    """Returns a table that shows every text whole: one that is too long for its column goes on in the next line."""
    return Table(*(Column(column, overflow="fold") for column in columns), **settings)


def examples(*lines: str) -> str:
    """Returns the end of a command's help: calls of the command, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def check_output(option: str, path: pathlib.Path | None, suffix: str | None = None) -> None:
    """Raises a `ValueError` where a file that is written at the end has another suffix, or no folder to lie in."""
    if path and suffix and path.suffix.lower() != suffix:
        raise ValueError(f"`{option}` must end in {suffix}. Received: {path}")
    if path and not path.absolute().parent.is_dir():
        raise ValueError(f"The folder of a file to write must exist. Received: {path}")


def check_picture(option: str, path: pathlib.Path | None) -> None:
    """Raises a `ValueError` where a picture cannot be written, or would replace one that no command wrote."""
    check_output(option, path, ".png")
    if path and path.exists() and not _is_of_a_command(path):
        raise ValueError(
            f"`{option}` is the file to write, and must be new, or one that the same option wrote earlier. "
            f"Received: {path}, which is another"
        )


def _is_of_a_command(path: pathlib.Path) -> bool:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.info.get("Software") == SOFTWARE
    except (OSError, ValueError, SyntaxError):
        return False


def parse_change(change: str) -> tuple[str, Any]:
    """Returns field and value of `FIELD=VALUE`; the value is a Python literal, or else a text."""
    field, separator, text = change.partition("=")
    if not separator:
        raise ValueError(f"`--set` takes FIELD=VALUE. Received: {change!r}")
    try:
        return field, ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return field, text


def parse_size(text: str) -> tuple[int, int]:
    """Returns height and width from `64` or `64x96`, the option `--size`."""
    match = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if not match:
        raise ValueError(f"`--size` must be a number of pixels, or height x width, e.g. 64x96. Received: {text!r}")
    return int(match[1]), int(match[2] or match[1])


def read_pictures(
    paths: Iterable[pathlib.Path], read: Callable[[pathlib.Path], Any]
) -> tuple[list[pathlib.Path], list[Any], dict[pathlib.Path, str]]:
    """Reads pictures, of which some may be unreadable.

    Returns:
        The paths and the pictures that were read, and why the others were not, by path.

    Raises:
        ValueError: If none can be read.
    """
    readable, pictures, unreadable = [], [], {}
    for path in paths:
        try:
            pictures.append(read(path))
            readable.append(path)
        except ValueError as error:
            unreadable[path] = str(error)
    if not pictures:
        raise ValueError("\n".join(unreadable.values()))
    return readable, pictures, unreadable
