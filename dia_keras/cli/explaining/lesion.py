"""`dia-keras explain lesion`: the accuracy that is lost when a block is removed."""

import pathlib

import click

from ..parameters.options import Resize, data_options, labels_option, resize_option, weights_option
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
    "lesion",
    short_help="The accuracy lost when a block is removed.",
    epilog=examples(
        "dia-keras explain lesion dia_resnet20_cifar100 --out lesion.png",
        "dia-keras explain lesion resnet20_cifar100 dia_resnet20_cifar100 --images 2000 --data cifar100.npz",
        "dia-keras explain lesion runs/xray --data chest_xray",
    ),
)
@networks_argument
@images_option(1000)
@weights_option
@data_options
@labels_option
@resize_option
@out_option("lesion.png")
@without_traceback
def draw(
    names: tuple[str, ...],
    number: int,
    weights: str,
    source: str | None,
    data_dir: str | None,
    labels: tuple[str, ...] | None,
    resize: Resize | None,
    out: pathlib.Path,
) -> None:
    """Draw the accuracy that networks lose when one of their blocks is replaced by its shortcut.

    NETWORK is a zoo entry; or a repository (hf://user/repo), a run's folder, a .keras or a weights file.
    """
    from ...analysis import plot_lesions

    networks = networks_of(names, weights, labels)
    test = some_test_images(networks, source, data_dir, resize, number)
    write(plot_lesions(models_of(names, networks), test.images, test.labels), out)
