"""The networks that are timed beside the entries of the zoo."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from .. import zoo
from ..inference.fused_cells import FusedLSTMCell
from ..units import DIALSTMCell
from ..units.cells.lstm_base import TwoStateCell
from ..zoo.architectures import BACKBONES
from ..zoo.finding import find_network
from ..zoo.loading import preprocessing

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


@keras.saving.register_keras_serializable(package="dia_keras")
class LeastAttention(FusedLSTMCell):
    """The least that an attention over channels does: x' = x * sigmoid(GAP(x)).

    Args:
        units: Integer, N.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(units, "sigmoid", {}, **kwargs)

    def call(self, inputs, states=None, is_reduced=False):
        attention = ops.sigmoid(inputs)
        return attention, [attention, attention]

    def get_config(self):
        return TwoStateCell.get_config(self)


@keras.saving.register_keras_serializable(package="dia_keras")
class MatricesAlone(FusedLSTMCell):
    """All the matrices of DIA-LSTM, rewritten for inference, and one sigmoid: no exact form of it does less.

    Args:
        units: Integer, N: width of input, output and both states.
        reduction: Integer r, as DIA-LSTM's.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, units: int, reduction: int = 4, **kwargs):
        self.reduction = reduction
        reduced = units // reduction
        kernels = {
            "input_reduce_kernel": (units, reduced),
            "hidden_reduce_kernel": (units, reduced),
            "first_expand": (reduced, 3 * units),  # the first block has no gate f
            "expand": (2 * reduced, 4 * units),
        }
        biases = {f"{name.removesuffix('_kernel')}_bias": shape[1:] for name, shape in kernels.items()}
        super().__init__(units, "sigmoid", {**kernels, **biases}, **kwargs)

    def call(self, inputs, states=None, is_reduced=False):
        which, number = ("first_", 3) if states is None else ("", 4)
        seen = inputs if is_reduced else self._reduced("input", inputs)
        if states is not None:
            seen = ops.concatenate([seen, self._reduced("hidden", states[0])], axis=-1)
        attention = ops.sigmoid(ops.split(self._linear(f"{which}expand", seen), number, axis=-1)[0])
        return attention, [attention, attention]

    def get_config(self):
        return {**TwoStateCell.get_config(self), "reduction": self.reduction}


def candidates(names: Sequence[str], as_trained: bool = False, least: bool = False) -> dict[str, Candidate]:
    """Returns entries and their plain twins by name; see `measure` for the arguments.

    Raises:
        ValueError: With `least`, where no name is an entry.
    """
    entries = zoo.list_models()
    if least and not any(name in entries for name in names):
        raise ValueError(f"`least` must be for entries of the zoo. Received: {', '.join(names)}")
    bases = {name: plain_twin(name) or name for name in names}
    builders = {name: builder(name) for name in dict.fromkeys([*bases.values(), *names])}
    by_name = {base: Candidate(builders[base], True, base) for base in bases.values()}
    by_name |= {name: Candidate(builders[name], True, base) for name, base in bases.items()}
    if as_trained:
        by_name |= {f"{name}, as trained": Candidate(builders[name], False, base) for name, base in bases.items()}
    if least:
        by_name |= {
            f"{base}, least": Candidate(partial(variant, base, LeastAttention), True, base)
            for base in bases.values()
            if base in entries
        }
        by_name |= {
            f"{name}, matrices alone": Candidate(partial(matrices_alone, name), True, base)
            for name, base in bases.items()
            if name in entries and zoo.card(name).architecture.arguments.get("attention") == "dia_lstm"
        }
    return by_name


def builder(name: str) -> Callable[[], keras.Model]:
    """Returns the function that builds an entry with initial weights, or loads a run or a `.keras` file."""
    return partial(zoo.load, name, weights=None) if name in zoo.list_models() else find_network(name).load


def plain_twin(name: str) -> str | None:
    """Returns the entry of the same backbone and data set without attention, `None` where the zoo has none."""
    if name not in zoo.list_models():
        return None  # a run, or a `.keras` file
    card = zoo.card(name)
    for other in zoo.list_models(f"*_{card.dataset.name}"):
        twin = zoo.card(other).architecture
        if twin.backbone == card.architecture.backbone and twin.arguments == {
            **_plain_arguments(card),
            "attention": None,
        }:
            return other
    return None


def matrices_alone(name: str) -> keras.Model:
    """Returns the network of an entry with DIA-LSTM, with `MatricesAlone` of the same reduction in its place."""
    cell = next(layer for layer in builder(name)()._flatten_layers() if isinstance(layer, DIALSTMCell))
    return variant(name, MatricesAlone, reduction=cell.reduction)


def variant(name: str, attention: Any, **settings) -> keras.Model:
    """Returns the network of an entry, with another attention in place of its own, with the settings given."""
    card = zoo.card(name)
    return BACKBONES[card.architecture.backbone](
        **_plain_arguments(card),
        attention=attention,
        attention_config=settings or None,
        input_shape=(*card.dataset.image_size, 3),
        num_classes=len(card.labels),
        preprocessing=preprocessing(card.dataset),
        name=f"{name}_{attention.__name__}",
    )


def _plain_arguments(card: zoo.Card) -> dict[str, Any]:
    arguments = card.architecture.arguments.items()
    return {key: value for key, value in arguments if key not in ATTENTION_ARGUMENTS}
