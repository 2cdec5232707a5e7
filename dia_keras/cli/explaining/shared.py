"""The arguments, images and output file of all commands of `dia-keras explain`."""

import pathlib
from typing import TYPE_CHECKING

import click

from ...figure_text import SOFTWARE
from ..parameters.inputs import check_picture
from ..parameters.options import Resize, complete_entry
from ..terminal.console import console

if TYPE_CHECKING:
    import keras

    from ...data import Split
    from ...zoo import Card
    from ...zoo.networks.network import Network

networks_argument = click.argument(
    "names", metavar="NETWORK...", nargs=-1, required=True, shell_complete=complete_entry
)
network_argument = click.argument("name", metavar="NETWORK", shell_complete=complete_entry)
entries_argument = click.argument("names", metavar="ENTRY...", nargs=-1, required=True, shell_complete=complete_entry)
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
        check_picture("--out", path)
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


def networks_of(names: tuple[str, ...], weights: str, labels: tuple[str, ...] | None = None) -> "list[Network]":
    """Returns networks for the same images and classes: entries, runs' folders, `.keras` files.

    Args:
        names: What the user calls them.
        weights: Weights of an entry.
        labels: Names of the classes of those that do not have any.

    Raises:
        ValueError: If they are for others, or one of them is not there; or if labels do not fit, or nothing needs them.
    """
    from ...zoo.finding import find_network, named

    networks = [find_network(name, weights) for name in names]
    if labels is not None:
        has_names = all(network.labels for network in networks)
        networks = [network if network.labels and not has_names else named(network, labels) for network in networks]
    if len({(network.image_size, network.channels) for network in networks}) > 1:
        shapes = ", ".join("x".join(map(str, (*network.image_size, network.channels))) for network in networks)
        raise ValueError(f"The networks must take images of the same shape. Received: {shapes}")
    if len({network.labels for network in networks if network.labels}) > 1:
        raise ValueError(f"The networks must be for the same classes. Received: {' and '.join(names)}")
    return networks


def models_of(names: tuple[str, ...], networks: "list[Network]") -> "dict[str, keras.Model]":
    """Returns the models of networks by their titles: their names, or the ends of paths where they differ.

    Raises:
        ValueError: If they have different numbers of classes.
    """
    ends = tuple(pathlib.PurePath(name).name.removesuffix(".keras") for name in names)
    titles = ends if len(set(ends)) == len(names) else names
    models = {title: network.load() for title, network in zip(titles, networks, strict=True)}
    counts = [model.output_shape[-1] for model in models.values()]
    if len(set(counts)) > 1:
        raise ValueError(f"The networks must be for the same classes. Received: {', '.join(map(str, counts))} classes")
    return models


def _rule_of(networks: "list[Network]", resize: Resize | None) -> Resize:
    """Returns how images become those of networks: as asked for, or by the one rule of all that have one.

    Raises:
        ValueError: If they have different ones: what one network sees would not be what the other was made for.
    """
    if resize is not None:
        return resize
    # What has no labels is a .keras file, which does not have a rule either.
    rules = list(dict.fromkeys(network.resize for network in networks if network.labels))
    if len(rules) > 1:
        raise ValueError(
            f"`--resize` must be given for networks whose images are resized in different ways: {' and '.join(rules)}. "
            "Received: none"
        )
    return rules[0] if rules else networks[0].resize


def pictures(networks: "list[Network]", paths: tuple[pathlib.Path, ...], resize: Resize | None):
    """Returns images as networks take them, `(n, height, width, channels)`: files, or the sample images."""
    import numpy as np

    from ...data.picture import read_picture
    from ...samples import sample_paths

    network, rule = networks[0], _rule_of(networks, resize)
    if not paths:
        if network.data not in ("cifar10", "cifar100"):
            raise ValueError(f"There are no sample images for {network.name}: name some by `--image`.")
        paths = tuple(sample_paths(network.data))  # type: ignore[arg-type]
    return np.stack([read_picture(path, *network.image_size, rule, network.picture_channels) for path in paths])


def some_test_images(
    networks: "list[Network]", source: str | None, data_dir: str | None, resize: Resize | None, number: int
) -> "Split":
    """Returns images of the test set, drawn at random but the same ones every time, and their classes."""
    import numpy as np

    from ...data import Split
    from ...zoo.network_data import load_data_of

    # A network that has no labels does not say the order of its classes.
    network = next((candidate for candidate in networks if candidate.labels), networks[0])
    test = load_data_of(network, source, data_dir, resize=_rule_of(networks, resize)).test
    chosen = np.random.default_rng(0).permutation(len(test.labels))[:number]
    return Split(test.images[chosen], test.labels[chosen])


def write(figure, path: pathlib.Path) -> None:
    """Writes a figure to a PNG file, and says so."""
    from ...files import staged

    with staged(path) as new:
        figure.savefig(new, dpi=110, format="png", metadata={"Software": SOFTWARE})
    console.print(f"Wrote {path}")
