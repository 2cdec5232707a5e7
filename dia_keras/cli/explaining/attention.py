"""`dia-keras explain attention`: the attention of every block, and its change from block to block."""

import pathlib

import click

from ..parameters.options import Resize, resize_option, weights_option
from ..terminal.console import examples
from ..terminal.errors import without_traceback
from .shared import image_option, network_argument, networks_of, out_option, pictures, write


@click.command(
    "attention",
    short_help="The attention of every block.",
    epilog=examples(
        "dia-keras explain attention dia_resnet20_cifar100 --out attention.png",
        "dia-keras explain attention dia_resnet20_cifar100 --image tiger.png",
        "dia-keras explain attention runs/xray --image lung.jpeg",
    ),
)
@network_argument
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
    """Draw the attention of every block of a network, and its change from block to block.

    NETWORK is a zoo entry; or a repository (hf://user/repo), a run's folder, a .keras or a weights file. Of several
    images, the mean is drawn.
    """
    from ...analysis import plot_attention

    networks = networks_of((name,), weights)
    images = pictures(networks, paths, resize)
    write(plot_attention(networks[0].load(), images), out)
