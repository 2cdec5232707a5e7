"""`dia-keras explain grad-cam`: where in images networks find their answers."""

import pathlib

import click

from ..shared import (
    Resize,
    examples,
    resize_option,
    without_traceback,
)
from .shared import cards_of, entries_argument, image_option, out_option, pictures, weights_option, write


@click.command(
    "grad-cam",
    short_help="Where in images networks find their answers.",
    epilog=examples(
        "dia-keras explain grad-cam dia_resnet20_cifar100 --out grad_cam.png",
        "dia-keras explain grad-cam resnet20_cifar100 dia_resnet20_cifar100 --image tiger.png --class tiger",
        "dia-keras explain grad-cam dia_resnet20_cifar100 --layer stage2_output",
    ),
)
@entries_argument
@image_option
@click.option("--layer", help="Layer that gives feature maps; default: the output of the last stage.")
@click.option("--class", "label", help="Name of the class to explain; default: the likeliest one of each image.")
@weights_option
@resize_option
@out_option("grad_cam.png")
@without_traceback
def draw(
    names: tuple[str, ...],
    paths: tuple[pathlib.Path, ...],
    layer: str | None,
    label: str | None,
    weights: str,
    resize: Resize | None,
    out: pathlib.Path,
) -> None:
    """Draw which places of images speak for the answers of the networks ENTRY..., by Grad-CAM."""
    from ... import zoo
    from ...analysis import plot_grad_cam

    cards = cards_of(names)
    labels = cards[0].labels
    if label is not None and label not in labels:
        raise ValueError(f"`--class` must be a class of {cards[0].dataset.title}. Received: {label!r}")
    images = pictures(cards[0], paths, resize)
    models = {name: zoo.load(name, weights=weights) for name in names}
    chosen = None if label is None else labels.index(label)
    write(plot_grad_cam(models, images, layer, chosen, labels), out)
