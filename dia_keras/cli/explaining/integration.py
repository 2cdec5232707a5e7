"""`dia-keras explain integration`: how much the attention of a block depends on those before."""

import pathlib

import click

from ..parameters.options import Resize, data_options, resize_option, weights_option
from ..terminal.console import examples
from ..terminal.errors import without_traceback
from .shared import (
    images_option,
    models_of,
    networks_argument,
    networks_of,
    out_option,
    some_test_images,
    write,
)


@click.command(
    "integration",
    short_help="How attention depends on that of earlier blocks.",
    epilog=examples(
        "dia-keras explain integration dia_resnet20_cifar100 --out integration.png",
        "dia-keras explain integration dia_resnet164_cifar100 --data cifar100.npz --images 200 --trees 20",
        "dia-keras explain integration runs/xray --data chest_xray",
    ),
)
@networks_argument
@images_option(500)
@click.option("--trees", type=click.IntRange(1), default=100, show_default=True, help="Trees of a random forest.")
@weights_option
@data_options
@resize_option
@out_option("integration.png")
@without_traceback
def draw(
    names: tuple[str, ...],
    number: int,
    trees: int,
    weights: str,
    source: str | None,
    data_dir: str | None,
    resize: Resize | None,
    out: pathlib.Path,
) -> None:
    """Draw how much the attention of each block of networks depends on those of the blocks before.

    NETWORK is a zoo entry; or a repository (hf://user/repo), a run's folder, a .keras or a weights file.

    A random forest predicts a block's attention from those before; what is drawn is their Gini importance (the paper's
    Algorithm 1 and Fig. 7). It needs scikit-learn, and a network with attention.
    """
    from ...analysis import plot_integration

    networks = networks_of(names, weights)
    images, _ = some_test_images(networks, source, data_dir, resize, number)
    write(plot_integration(models_of(names, networks), images, trees), out)
