"""`dia-keras explain grad-cam`: where in images networks find their answers."""

import pathlib

import click

from ...messages import did_you_mean
from ..parameters.options import Resize, labels_option, resize_option, weights_option
from ..terminal.console import examples
from ..terminal.errors import without_traceback
from .shared import (
    image_option,
    models_of,
    networks_argument,
    networks_of,
    out_option,
    pictures,
    write,
)


@click.command(
    "grad-cam",
    short_help="Where in images networks find their answers.",
    epilog=examples(
        "dia-keras explain grad-cam dia_resnet20_cifar100 --out grad_cam.png",
        "dia-keras explain grad-cam resnet20_cifar100 dia_resnet20_cifar100 --image tiger.png --class tiger",
        "dia-keras explain grad-cam dia_resnet20_cifar100 --layer stage2_output",
        "dia-keras explain grad-cam runs/xray --image lung.jpeg",
        "dia-keras explain grad-cam mine.keras --labels classes.txt --image lung.jpeg",
    ),
)
@networks_argument
@image_option
@click.option("--layer", help="Layer that gives feature maps; default: the output of the last stage.")
@click.option("--class", "label", help="Name of the class to explain; default: the likeliest one of each image.")
@weights_option
@labels_option
@resize_option
@out_option("grad_cam.png")
@without_traceback
def draw(
    names: tuple[str, ...],
    paths: tuple[pathlib.Path, ...],
    layer: str | None,
    label: str | None,
    weights: str,
    labels: tuple[str, ...] | None,
    resize: Resize | None,
    out: pathlib.Path,
) -> None:
    """Draw which places of images speak for the answers of networks, by Grad-CAM.

    NETWORK is a zoo entry; or a repository (hf://user/repo), a run's folder, a .keras or a weights file.
    """
    from ...analysis import plot_grad_cam

    networks = networks_of(names, weights, labels)
    images = pictures(networks, paths, resize)
    classes = next((network.labels for network in networks if network.labels), None)
    _check_label(label, classes, names[0])
    models = models_of(names, networks)
    classes = classes or tuple(map(str, range(next(iter(models.values())).output_shape[-1])))
    _check_label(label, classes, names[0])
    chosen = None if label is None else classes.index(label)
    write(plot_grad_cam(models, images, layer, chosen, classes), out)


def _check_label(label: str | None, classes: tuple[str, ...] | None, name: str) -> None:
    if label is not None and classes is not None and label not in classes:
        raise ValueError(f"`--class` must be a class of {name}.{did_you_mean(label, classes)} Received: {label!r}")
