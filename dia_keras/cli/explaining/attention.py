"""`dia-keras explain attention`: the attention of every block, and its change from block to block."""

import pathlib

import click

from ..shared import (
    Resize,
    examples,
    resize_option,
    without_traceback,
)
from .shared import cards_of, entry_argument, image_option, out_option, pictures, weights_option, write


@click.command(
    "attention",
    short_help="The attention of every block.",
    epilog=examples(
        "dia-keras explain attention dia_resnet20_cifar100 --out attention.png",
        "dia-keras explain attention dia_resnet20_cifar100 --image tiger.png",
    ),
)
@entry_argument
@image_option
@weights_option
@resize_option
@out_option("attention.png")
@without_traceback
def draw(
    name: str,
    paths: tuple[pathlib.Path, ...],
    weights: str,
    resize: Resize | None,
    out: pathlib.Path,
) -> None:
    """Draw the attention of every block of the network ENTRY, and its change from block to block.

    Of several images, the mean is drawn.
    """
    from ... import zoo
    from ...analysis import plot_attention

    (card,) = cards_of((name,))
    images = pictures(card, paths, resize)
    write(plot_attention(zoo.load(name, weights=weights), images), out)
