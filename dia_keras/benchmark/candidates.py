"""What is timed beside the entries of the zoo."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from .. import zoo
from ..units import AttentionModule
from ..zoo.loading import BACKBONES, preprocessing

ATTENTION_ARGUMENTS = ("attention", "attention_config", "attention_stages", "shared")


class Candidate(NamedTuple):
    """A network to be timed.

    Attributes:
        build: Returns the network, with initial weights.
        optimize: Whether it is rewritten for inference.
        base: The name of the candidate that it is compared with.
    """

    build: Callable[[], keras.Model]
    optimize: bool
    base: str


class LeastAttention(AttentionModule):
    """The least that an attention over channels does: x' = x * sigmoid(GAP(x))."""

    def attention(self, inputs):
        return self.over_space(ops.sigmoid(self.pool(inputs)))


def candidates(names: Sequence[str], as_trained: bool = False, least: bool = False) -> dict[str, Candidate]:
    """Returns entries and their plain twins by name; see `measure` for the arguments."""

    bases = {name: plain_twin(name) or name for name in names}
    found = {base: Candidate(partial(zoo.load, base, weights=None), True, base) for base in bases.values()}
    found |= {name: Candidate(partial(zoo.load, name, weights=None), True, base) for name, base in bases.items()}
    if as_trained:
        found |= {
            f"{name}, as trained": Candidate(partial(zoo.load, name, weights=None), False, base)
            for name, base in bases.items()
        }
    if least:
        found |= {f"{base}, least": Candidate(partial(least_attention, base), True, base) for base in bases.values()}
    return found


def plain_twin(name: str) -> str | None:
    """Returns the entry of the same backbone and data set without attention, `None` where the zoo has none."""
    card = zoo.card(name)
    for other in zoo.list_models(f"*_{card.dataset.name}"):
        twin = zoo.card(other).architecture
        if twin.backbone == card.architecture.backbone and twin.arguments == {
            **_plain_arguments(card),
            "attention": None,
        }:
            return other
    return None


def least_attention(name: str) -> keras.Model:
    """Returns the network of an entry, with `LeastAttention` in place of its attention."""
    card = zoo.card(name)
    return BACKBONES[card.architecture.backbone](
        **_plain_arguments(card),
        attention=LeastAttention,
        input_shape=(*card.dataset.image_size, 3),
        num_classes=len(card.labels),
        preprocessing=preprocessing(card.dataset),
        name=f"{name}_least",
    )


def _plain_arguments(card: zoo.Card) -> dict[str, Any]:
    arguments = card.architecture.arguments.items()
    return {key: value for key, value in arguments if key not in ATTENTION_ARGUMENTS}
