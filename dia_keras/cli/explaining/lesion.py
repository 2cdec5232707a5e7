"""`dia-keras explain lesion`: the accuracy that is lost when a block is removed."""

import pathlib

import click

from ..shared import (
    Resize,
    data_options,
    examples,
    resize_option,
    without_traceback,
)
from .shared import cards_of, entries_argument, images_option, out_option, some_test_images, weights_option, write


@click.command(
    "lesion",
    short_help="The accuracy lost when a block is removed.",
    epilog=examples(
        "dia-keras explain lesion dia_resnet20_cifar100 --out lesion.png",
        "dia-keras explain lesion resnet20_cifar100 dia_resnet20_cifar100 --images 2000 --data cifar100.npz",
    ),
)
@entries_argument
@images_option(1000)
@weights_option
@data_options
@resize_option
@out_option("lesion.png")
@without_traceback
def draw(
    names: tuple[str, ...],
    number: int,
    weights: str,
    source: str | None,
    data_dir: str | None,
    resize: Resize | None,
    out: pathlib.Path,
) -> None:
    """Draw the accuracy that the networks ENTRY... lose when one of their blocks is replaced by its shortcut."""
    from ... import zoo
    from ...analysis import plot_lesions

    images, labels = some_test_images(cards_of(names)[0], source, data_dir, resize, number)
    models = {name: zoo.load(name, weights=weights) for name in names}
    write(plot_lesions(models, images, labels), out)
