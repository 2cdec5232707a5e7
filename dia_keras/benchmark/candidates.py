"""What is timed beside the entries of the zoo."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from .. import zoo
from ..units import AttentionModule
from ..units.two_state_cell import TwoStateCell
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


@keras.saving.register_keras_serializable(package="dia_keras")
class MatricesAlone(TwoStateCell):
    """DIA-LSTM's two reducing and its expanding matrix, and a sigmoid: what reading its weights costs.

    Args:
        units: Integer, N: width of input, output and both states.
        reduction: Integer r, as DIA-LSTM's.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, units: int, reduction: int = 4, **kwargs):
        super().__init__(units, **kwargs)
        self.reduction = reduction

    def build(self, input_shape):
        reduced = self.units // self.reduction
        self.reduce = [self.add_weight((self.units, reduced), name=f"reduce_{name}") for name in ("input", "hidden")]
        self.expand = self.add_weight((2 * reduced, 4 * self.units), name="expand")
        self.built = True

    def call(self, inputs, states=None):
        hidden = inputs if states is None else states[0]
        seen = ops.concatenate([ops.matmul(inputs, self.reduce[0]), ops.matmul(hidden, self.reduce[1])], axis=-1)
        hidden = ops.split(ops.sigmoid(ops.matmul(seen, self.expand)), 4, axis=-1)[0]
        return hidden, [hidden, hidden]

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


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
        found |= {
            f"{base}, least": Candidate(partial(variant, base, LeastAttention), True, base) for base in bases.values()
        }
        found |= {
            f"{name}, matrices alone": Candidate(partial(variant, name, MatricesAlone), True, base)
            for name, base in bases.items()
            if zoo.card(name).architecture.arguments.get("attention") == "dia_lstm"
        }
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


def variant(name: str, attention: Any) -> keras.Model:
    """Returns the network of an entry, with another attention in place of its own."""
    card = zoo.card(name)
    return BACKBONES[card.architecture.backbone](
        **_plain_arguments(card),
        attention=attention,
        input_shape=(*card.dataset.image_size, 3),
        num_classes=len(card.labels),
        preprocessing=preprocessing(card.dataset),
        name=f"{name}_{attention.__name__}",
    )


def _plain_arguments(card: zoo.Card) -> dict[str, Any]:
    arguments = card.architecture.arguments.items()
    return {key: value for key, value in arguments if key not in ATTENTION_ARGUMENTS}
