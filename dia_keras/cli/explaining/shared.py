"""What the commands of `dia-keras explain` share: their arguments, images, and the file that they write."""

import pathlib
from typing import TYPE_CHECKING

import click

from ..shared import check_output, complete_entry, console

if TYPE_CHECKING:
    from ...data import Split
    from ...zoo import Card

entries_argument = click.argument("names", metavar="ENTRY...", nargs=-1, required=True, shell_complete=complete_entry)
entry_argument = click.argument("name", metavar="ENTRY", shell_complete=complete_entry)
weights_option = click.option(
    "--weights", default="pretrained", show_default=True, help="'pretrained' or a .weights.h5 file."
)
image_option = click.option(
    "--image",
    "paths",
    multiple=True,
    type=click.Path(path_type=pathlib.Path),
    help="An image of any size; may be repeated. Default: the sample images of CIFAR-10 or CIFAR-100.",
)


def out_option(default: str):
    """Returns the option `--out`, with the name of the PNG file that is written without it."""
    return click.option(
        "--out",
        type=click.Path(dir_okay=False, path_type=pathlib.Path),
        default=default,
        show_default=True,
        callback=_check_out,
        help="PNG file to write.",
    )


def _check_out(context: click.Context, parameter: click.Parameter, path: pathlib.Path) -> pathlib.Path:
    try:
        check_output("--out", path, ".png")
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    return path


def images_option(default: int):
    """Returns the option `--images`, the number of images of the test set, as the argument `number`."""
    return click.option(
        "--images",
        "number",
        type=click.IntRange(1),
        default=default,
        show_default=True,
        help="Images of the test set to use, drawn at random.",
    )


def cards_of(names: tuple[str, ...]) -> "list[Card]":
    """Returns the cards of entries that are all for the same data set.

    Raises:
        ValueError: If they are not, or there is no such entry.
    """
    from ... import zoo

    cards = [zoo.card(name) for name in names]
    datasets = list(dict.fromkeys(card.dataset.name for card in cards))
    if len(datasets) > 1:
        raise ValueError(f"The entries must be for the same data set. Received: entries for {' and '.join(datasets)}")
    return cards


def pictures(card: "Card", paths: tuple[pathlib.Path, ...], resize):
    """Returns images as the network of a card takes them, `(n, height, width, 3)`: files, or the sample images."""
    import numpy as np

    from ...data.picture import read_picture
    from ...samples import sample_paths

    if not paths:
        if card.dataset.name not in ("cifar10", "cifar100"):
            raise ValueError(f"There are no sample images of {card.dataset.title}: name some by `--image`.")
        paths = tuple(sample_paths(card.dataset.name))  # type: ignore[arg-type]
    return np.stack([read_picture(path, *card.dataset.image_size, resize or card.resize) for path in paths])


def some_test_images(card: "Card", source: str | None, data_dir: str | None, resize, number: int) -> "Split":
    """Returns images of the test set, drawn at random but the same ones every time, and their classes."""
    import numpy as np

    from ...data import Split
    from ...training.runs.run import load_data

    test = load_data(card, source, data_dir, resize=resize).test
    chosen = np.random.default_rng(0).permutation(len(test.labels))[:number]
    return Split(test.images[chosen], test.labels[chosen])


def write(figure, path: pathlib.Path) -> None:
    """Writes a figure to a PNG file, and says so."""
    from ...files import staged

    with staged(path) as new:
        figure.savefig(new, dpi=110, format="png")
    console.print(f"Wrote {path}")
