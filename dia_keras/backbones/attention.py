"""The `attention=` argument of the backbones: names, classes, cells and layers become one thing."""

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from ..arguments import is_integer
from ..messages import did_you_mean
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
    DIALSTMCell,
    DIALSTMLightCell,
    StandardLSTMCell,
)
from ..units.stage_units import BlockAttention, StageUnit, carries_state, is_cell, stage_unit
from ..units.unit import WIDTH, Unit
from .layers import norm

# Takes the channel count, and settings as keywords.
AttentionMaker = Callable[..., keras.layers.Layer]

ATTENTIONS: dict[str, type[Unit]] = {
    unit.key: unit
    for unit in (DIALSTMCell, DIALSTMLightCell, StandardLSTMCell, SE, ECA, CBAM, SRM, SPA, SEM, SPEM, SGE, IE)
}


class Attention:
    """Makes the attention of a network's blocks.

    Args:
        attention: `None`, a name in `ATTENTIONS`, a function of the channel count that returns an RNN cell or a layer
            on feature maps, the class of either, or a layer on feature maps (every use is a copy with weights of its
            own).
        settings: Keywords for the attention that the user gave.
        defaults: Keywords that the network adds to them.
        shared: Whether a stage has one layer for all its blocks; by default cells are shared, layers are not.
        stages: Numbers of the stages that have attention, counted from 1; all by default.
        num_stages: Number of stages of the network.
        norm_before_cells: Whether every block has a batch norm before an attention with a state.
    """

    def __init__(
        self,
        attention,
        settings: dict[str, Any] | None,
        defaults: dict[str, Any],
        shared: bool | None,
        stages,
        num_stages: int,
        norm_before_cells: bool = False,
    ):
        if shared is not None and not isinstance(shared, bool):
            raise ValueError(f"`shared` must be None, True or False. Received: shared={shared!r}")
        if attention is None:
            needing_one = {"attention_config": settings or None, "shared": shared, "attention_stages": stages}
            for name, value in needing_one.items():
                if value is not None:
                    raise ValueError(f"`{name}` needs an `attention`. Received: {name}={value!r}")
        given = {} if settings is None else settings
        if not isinstance(given, Mapping):
            raise ValueError(f"`attention_config` must be a dictionary. Received: attention_config={settings!r}")
        self._attention, self._given = attention, given
        self._make = None if attention is None else _maker(attention, given)
        self._settings = {**defaults, **given}
        self._shared = shared
        self._norm_before_cells = norm_before_cells
        self._stages = tuple(range(1, num_stages + 1)) if stages is None else stages
        if not isinstance(self._stages, tuple | list) or not all(is_integer(n, 1, num_stages) for n in self._stages):
            raise ValueError(
                f"`attention_stages` must be a tuple of numbers from 1 to {num_stages}. "
                f"Received: attention_stages={stages!r}"
            )

    def stage(self, stage: int, channels: int) -> Callable[[str], BlockAttention]:
        """Returns the function that gives a stage's blocks, each by its name, their attention."""
        if self._make is None or stage not in self._stages:
            return lambda block_name: _no_attention
        unit = self._unit(channels)
        shared = unit.carries_state if self._shared is None else self._shared
        unit.layer.name = f"stage{stage}_attention"

        def of_one_block(block_name):
            own = self._unit(channels)
            own.layer.name = f"{block_name}_attention"
            return own.of_one_block()

        of_block = unit.of_block if shared else of_one_block
        return partial(_normalized, of_block) if unit.carries_state and self._norm_before_cells else of_block

    def _unit(self, channels: int) -> StageUnit:
        assert self._make is not None
        try:
            made = self._make(channels, **self._settings)
        except _WrongArgumentsError as error:
            raise ValueError(
                f"`attention` must take {channels} channels and the keywords in `attention_config`: {error}. "
                f"Received: attention={self._attention!r}, attention_config={self._given!r}"
            ) from error
        if not isinstance(made, keras.layers.Layer):
            raise ValueError(
                "`attention` must be a function that returns a layer or an RNN cell. "
                f"Received: a function that returns {made!r}"
            )
        if isinstance(made, keras.layers.RNN):
            raise ValueError(
                "`attention` must be an RNN cell, such as `keras.layers.LSTMCell`, and no layer that runs one over a "
                f"sequence: the blocks of a stage are the sequence. Received: {type(made).__name__}"
            )
        return stage_unit(made)


def _no_attention(features, states):
    return features, states


def _normalized(of_block: Callable[[str], BlockAttention], block_name: str) -> BlockAttention:
    """Returns the attention of a block with a batch norm before it."""
    attention = of_block(block_name)
    return lambda features, states: attention(norm(features, name=f"{block_name}_attention_bn"), states)


class _WrongArgumentsError(TypeError):
    """What makes an attention does not take what it is given; errors within it are others."""


def _maker(attention, given: dict[str, Any]) -> AttentionMaker:
    """Returns the function that makes the `attention=` of a backbone; checks the settings that the user gave."""
    if isinstance(attention, str):
        attention = _named(attention)
    if isinstance(attention, type) and issubclass(attention, Unit):
        attention.check_settings(given)
        return attention.for_channels
    if isinstance(attention, type) and issubclass(attention, keras.layers.Layer):
        if _takes_width(attention):
            return _checked(attention)
        return lambda channels, **settings: _checked(attention)(**settings)
    if isinstance(attention, keras.layers.Layer):
        return _copies(attention, given)
    if callable(attention):
        return _checked(attention)
    raise ValueError(
        "`attention` must be None, a name, a function of the channel count, or a layer. "
        f"Received: attention={attention!r}"
    )


def _named(name: str) -> type[Unit]:
    if name not in ATTENTIONS:
        hint = did_you_mean(re.sub(r"\W+", "_", name.lower()), ATTENTIONS, 1)
        raise ValueError(
            f"`attention` must be None, one of {', '.join(map(repr, ATTENTIONS))}, a function of the channel "
            f"count, or a layer.{hint} Received: attention={name!r}"
        )
    return ATTENTIONS[name]


def _copies(layer: keras.layers.Layer, given: dict[str, Any]) -> AttentionMaker:
    """Returns the function that makes copies of a layer, of which settings replace its own."""
    if is_cell(layer) or carries_state(layer):
        raise ValueError(
            "An RNN cell has a fixed width, and every stage has another: pass a function of the channel "
            f"count, like `attention=lambda n: DIALSTMCell(n, reduction=8)`. Received: attention={layer!r}"
        )
    config = {name: value for name, value in layer.get_config().items() if name != "name"}
    if given.keys() - config.keys():
        raise ValueError(
            f"`attention_config` for a layer must have keywords of its config, {', '.join(config)}. "
            f"Received: attention_config={given!r}"
        )

    def copy(channels, **settings):
        try:
            return type(layer).from_config({**config, **settings})
        except TypeError as error:  # Keras' own, of whatever was wrong
            raise _WrongArgumentsError(error) from error

    return copy


def _checked(make: Any) -> AttentionMaker:
    """Returns a function that looks whether another takes its arguments before it calls it."""
    # Of a class the constructor: some patch releases of Python tell the signature of Keras' `__new__` instead.
    function, own = (getattr(make, "__init__"), (None,)) if isinstance(make, type) else (make, ())  # noqa: B009

    def made(*arguments, **settings):
        try:
            inspect.signature(function).bind(*own, *arguments, **settings)
        except TypeError as error:
            raise _WrongArgumentsError(error) from error
        return make(*arguments, **settings)

    return made


def _takes_width(layer: type[keras.layers.Layer]) -> bool:
    """Returns whether the constructor of a layer asks for an argument, or begins with a width as that of a cell."""
    positional = [
        parameter
        for parameter in list(inspect.signature(layer.__init__).parameters.values())[1:]
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return bool(positional) and (positional[0].default is inspect.Parameter.empty or positional[0].name in WIDTH)
