"""`dia-keras explain gradients`: the gradient at the outputs of the stages, with and without skip connections."""

import pathlib

import click

from ..parameters.options import Resize, data_options, resize_option, seed_option
from ..terminal.console import examples
from ..terminal.errors import without_traceback
from .shared import cards_of, entries_argument, images_option, out_option, some_test_images, write


@click.command(
    "gradients",
    short_help="Gradients with and without skip connections.",
    epilog=examples(
        "dia-keras explain gradients dia_resnet20_cifar100 --out gradients.png",
        "dia-keras explain gradients resnet56_cifar100 dia_resnet56_cifar100 --images 32",
    ),
)
@entries_argument
@images_option(64)
@seed_option("the initial values")
@data_options
@resize_option
@out_option("gradients.png")
@without_traceback
def draw(
    names: tuple[str, ...],
    number: int,
    seed: int,
    source: str | None,
    data_dir: str | None,
    resize: Resize | None,
    out: pathlib.Path,
) -> None:
    """Draw the distribution of the gradient at the outputs of the stages of the networks ENTRY... (Fig. 9).

    Each network is drawn with and without skip connections, in a training step from initial values.
    """
    import keras

    from ...analysis import plot_gradients
    from ...zoo.loading import build
    from ...zoo.networks.by_card import entry_network

    cards = cards_of(names)
    images, labels = some_test_images([entry_network(card) for card in cards], source, data_dir, resize, number)
    models = {}
    for card in cards:
        for skip in (True, False):
            keras.utils.set_random_seed(seed)
            title = card.name if skip else f"{card.name}, no skip"
            models[title] = build(card.name, images.shape[1:], skip=skip)
    write(plot_gradients(models, images, labels, title="gradient of the loss, at initial values"), out)
