"""Warm starts: a training begins from the weights of an earlier one."""

import keras

from .. import zoo
from ..zoo.cards import Architecture
from ..zoo.files.reading import SUFFIXES
from ..zoo.finding import find_network
from .recipe import Recipe


def start_warm(model: keras.Model, recipe: Recipe) -> None:
    """Gives a recipe's network the weights that the recipe starts from; without any, the network stays as it is.

    Args:
        model: Network of the entry, of its own depth and for images of any size.
        recipe: The recipe.

    Raises:
        ValueError: Where the weights are of another architecture, or there are none; where they are of other classes,
            and the recipe averages them with those that it trains.
    """
    name = recipe.initial_weights
    if name is None:
        return
    classes = zoo.card(recipe.entry).labels
    if name.endswith(SUFFIXES):
        _check_classes(recipe, find_network(recipe.entry, name).labels)
        start = zoo.load(recipe.entry, weights=name)
    else:
        mine, theirs = zoo.card(recipe.entry).architecture, zoo.card(name).architecture
        if theirs != mine:
            raise ValueError(
                f"`initial_weights` must be of the architecture of {recipe.entry}, {_call(mine)}. "
                f"Received: {name!r}, of {_call(theirs)}"
            )
        _check_classes(recipe, zoo.card(name).labels)
        start = zoo.load(name, num_classes=len(classes))
    model.set_weights(start.get_weights())


def _check_classes(recipe: Recipe, labels: tuple[str, ...] | None) -> None:
    """Raises a `ValueError` where weights of other classes, or of another order, are to be averaged with others."""
    if recipe.initial_share and labels != zoo.card(recipe.entry).labels:
        raise ValueError(
            f"`initial_share` needs `initial_weights` of the classes of {recipe.entry}, in their order. "
            f"Received: initial_share={recipe.initial_share}, initial_weights={recipe.initial_weights!r}"
        )


def _call(architecture: Architecture) -> str:
    """Returns an architecture as the call that builds it, such as `wrn(depth=52, widen=4)`."""
    return f"{architecture.backbone}({', '.join(f'{key}={value!r}' for key, value in architecture.arguments.items())})"
