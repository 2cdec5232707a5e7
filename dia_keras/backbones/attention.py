"""The `attention=` argument of the backbones: names, cells and layers become one thing."""

import functools
import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras

from ..units import (
    CBAM,
    ECA,
    IE,
    SE,
    SEM,
    SGE,
    SPA,
    SPEM,
    SRM,
    AttentionModule,
    DIALSTMLightCell,
    RecurrentAttention,
    StandardLSTMCell,
    stacked_dia_lstm,
)

AttentionFactory = Callable[..., keras.layers.Layer]


def _of_any_width(module: type[keras.layers.Layer]) -> AttentionFactory:
    """Returns a module, which finds the channel count out when it is built, as a function of the channel count."""

    @functools.wraps(module, updated=())
    def make(channels: int, **settings):
        return module(**settings)

    return make


def _sge(channels: int, groups: int | None = None, **settings) -> keras.layers.Layer:
    """By default 64 groups, fewer in nets so narrow that 64 do not divide their channels."""
    return SGE(math.gcd(64, channels) if groups is None else groups, **settings)


class NamedAttention(NamedTuple):
    """An attention that backbones know by name.

    Attributes:
        make: Function of the channel count, and of settings as keywords, that returns the cell or the module.
        title: Name for people.
        formula: Number of parameters, as a formula of the channel count N and of settings.
        settings: By its letter in the formula, the keyword of a setting and its default, which backbones may replace
            by another of their own.
        paper: Address of the defining paper.
    """

    make: AttentionFactory
    title: str
    formula: str
    settings: dict[str, tuple[str, int]]
    paper: str

    @property
    def parameters(self) -> str:
        """Returns the formula with its settings, e.g. `"2 N²/r + N/r + N (r: ratio = 16)"`."""
        settings = ", ".join(f"{letter}: {keyword} = {value}" for letter, (keyword, value) in self.settings.items())
        return f"{self.formula} ({settings})" if settings else self.formula


_DIA = "https://arxiv.org/abs/2210.16101"

ATTENTIONS: dict[str, NamedAttention] = {
    "dia_lstm": NamedAttention(stacked_dia_lstm, "DIA-LSTM", "10 N²/r + 2 N/r + 8 N", {"r": ("reduction", 4)}, _DIA),
    "dia_lstm_light": NamedAttention(
        DIALSTMLightCell, "DIA-LSTM (Light)", "4 N²/r + 2 N/r + 13 N", {"r": ("reduction", 16)}, _DIA
    ),
    "lstm": NamedAttention(StandardLSTMCell, "LSTM", "8 N² + 8 N", {}, _DIA),
    "se": NamedAttention(
        _of_any_width(SE),
        "Squeeze-and-excitation",
        "2 N²/r + N/r + N",
        {"r": ("ratio", 16)},
        "https://arxiv.org/abs/1709.01507",
    ),
    "eca": NamedAttention(
        _of_any_width(ECA),
        "Efficient channel attention",
        "k",
        {"k": ("kernel_size", 5)},
        "https://arxiv.org/abs/1910.03151",
    ),
    "cbam": NamedAttention(
        _of_any_width(CBAM),
        "Convolutional block attention module",
        "2 N²/r + N/r + N + 98",
        {"r": ("ratio", 16)},
        "https://arxiv.org/abs/1807.06521",
    ),
    "srm": NamedAttention(
        _of_any_width(SRM), "Style-based recalibration module", "4 N", {}, "https://arxiv.org/abs/1903.10829"
    ),
    "spa": NamedAttention(
        _of_any_width(SPA),
        "Spatial pyramid attention",
        "22 N²/r",
        {"r": ("ratio", 16)},
        "https://doi.org/10.1109/ICME46284.2020.9102906",
    ),
    "sem": NamedAttention(
        _of_any_width(SEM),
        "Switchable excitation module",
        "2 N²/r + N/r + 6 N + k + 3, k = 3 for N < 128, 5 for N < 2048",
        {"r": ("ratio", 16)},
        "https://arxiv.org/abs/2209.05680",
    ),
    "spem": NamedAttention(
        _of_any_width(SPEM),
        "Self-adaptive pooling enhanced attention module",
        "4 N + 2",
        {},
        "https://arxiv.org/abs/2208.10322",
    ),
    "sge": NamedAttention(
        _sge, "Spatial group-wise enhancement", "2 G", {"G": ("groups", 64)}, "https://arxiv.org/abs/1905.09646"
    ),
    "ie": NamedAttention(_of_any_width(IE), "Instance enhancement", "2 N", {}, "https://arxiv.org/abs/1908.04008"),
}


# Those with a state.
CELLS = ("dia_lstm", "dia_lstm_light", "lstm")


class Attention:
    """Makes the attention layers of a network.

    Args:
        attention: `None`, a name in `ATTENTIONS`, a function of the channel count that returns an RNN cell
            or a layer on feature maps, or such a layer itself (every use is a copy with weights of its own).
        settings: Keywords for the named or given function.
        shared: Whether a stage has one layer for all its blocks; by default cells are shared, layers
            are not.
        stages: Numbers of the stages that have attention, counted from 1; all by default.
        num_stages: Number of stages of the network.
    """

    def __init__(self, attention, settings: dict[str, Any], shared: bool | None, stages, num_stages: int):
        self._factory = _factory(attention)
        if attention is None and settings:
            raise ValueError(f"`attention_config` needs an `attention`. Received: attention_config={settings!r}")
        if shared not in (None, True, False):
            raise ValueError(f"`shared` must be None, True or False. Received: shared={shared!r}")
        self._settings = settings
        if isinstance(attention, str):
            _check_settings(attention, settings)
        self._shared = shared
        numbers = range(1, num_stages + 1)
        self._stages = tuple(numbers) if stages is None else stages
        if not isinstance(self._stages, tuple | list) or any(stage not in numbers for stage in self._stages):
            raise ValueError(
                f"`attention_stages` must be a tuple of numbers from 1 to {num_stages}. "
                f"Received: attention_stages={stages!r}"
            )

    def stage(self, stage: int, channels: int) -> Callable[[str], Callable | None]:
        """Returns the function that gives a stage's blocks, each by its name, their attention layers."""
        if self._factory is None or stage not in self._stages:
            return lambda block_name: None
        make = partial(self._factory, channels, **self._settings)
        unit = _layer(make())
        shared = isinstance(unit, RecurrentAttention) if self._shared is None else self._shared
        if shared:
            unit.name = f"stage{stage}_attention"
            # What blocks must not share, a module gives to each of them.
            return getattr(unit, "for_block", lambda block_name: unit)  # others' layers have none

        def per_block(block_name):
            layer = _layer(make())
            layer.name = f"{block_name}_attention"
            return layer

        return per_block


def recalibrate(layer: Callable | None, features, states):
    """Applies a block's attention; returns the recalibrated features and the states for the next block."""
    if layer is None:
        return features, states
    if isinstance(layer, RecurrentAttention):
        return layer(features, states)
    return layer(features), states


def _factory(attention) -> AttentionFactory | None:
    """Returns the function of the channel count that makes the `attention=` of a backbone."""
    if attention is None:
        return None
    if isinstance(attention, str):
        if attention not in ATTENTIONS:
            raise ValueError(
                f"`attention` must be None, one of {', '.join(map(repr, ATTENTIONS))}, a function of the channel "
                f"count, or a layer. Received: attention={attention!r}"
            )
        return ATTENTIONS[attention].make
    if isinstance(attention, keras.layers.Layer):
        if _is_cell(attention) or isinstance(attention, RecurrentAttention):
            raise ValueError(
                "An RNN cell has a fixed width, and every stage has another: pass a function of the channel "
                f"count, like `attention=lambda n: DIALSTMCell(n, reduction=8)`. Received: attention={attention!r}"
            )
        config = attention.get_config()
        config.pop("name")
        return lambda channels, **settings: type(attention).from_config({**config, **settings})
    if isinstance(attention, type) and issubclass(attention, AttentionModule):
        return _of_any_width(attention)
    if callable(attention):
        return attention
    raise ValueError(
        "`attention` must be None, a name, a function of the channel count, or a layer. "
        f"Received: attention={attention!r}"
    )


def _check_settings(name: str, settings: dict[str, Any]) -> None:
    """Raises a `ValueError` on settings that the named attention does not have."""
    make = inspect.unwrap(ATTENTIONS[name].make)
    # Of a class that inherits `__init__`, some patch releases of Python tell the signature of Keras' `__new__` instead.
    signature = inspect.signature(make.__init__ if isinstance(make, type) else make)  # type: ignore[misc]
    parameters = [each for each in signature.parameters.values() if each.name != "self"]
    if parameters[0].name in ("units", "channels"):  # a cell's width, which the backbone gives
        parameters = parameters[1:]
    known = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    if name in CELLS:  # what they hand on to their base class
        known = [*dict.fromkeys([*known, "output_activation", "bias_initializer"])]
    unknown = settings.keys() - {*known, "dtype", "trainable"}
    if unknown:
        raise ValueError(
            f"`attention_config` for {name!r} must have keywords among {', '.join(known)}. "
            f"Received: attention_config={settings!r}"
        )


def _layer(made) -> keras.layers.Layer:
    """Returns what a function given as `attention=` has made as a layer on feature maps."""
    if not isinstance(made, keras.layers.Layer):
        raise ValueError(
            "`attention` must be a function that returns a layer or an RNN cell. "
            f"Received: a function that returns {made!r}"
        )
    return RecurrentAttention(made) if _is_cell(made) else made


def _is_cell(layer) -> bool:
    return hasattr(layer, "state_size")
