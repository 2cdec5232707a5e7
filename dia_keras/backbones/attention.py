"""The `attention=` argument of the backbones: names, cells and layers become one thing."""

from collections.abc import Callable
from functools import partial
from typing import Any

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
    DIALSTMLightCell,
    RecurrentAttention,
    StandardLSTMCell,
    stacked_dia_lstm,
)

AttentionFactory = Callable[..., keras.layers.Layer]


def _of_any_width(module: type[keras.layers.Layer]) -> AttentionFactory:
    """Returns a module, which finds the channel count out when it is built, as a function of the channel count."""
    return lambda channels, **settings: module(**settings)


# Each takes the channel count first, and its settings as keywords.
ATTENTIONS: dict[str, AttentionFactory] = {
    "dia_lstm": stacked_dia_lstm,
    "dia_lstm_light": DIALSTMLightCell,
    "lstm": StandardLSTMCell,
    **{module.__name__.lower(): _of_any_width(module) for module in (SE, ECA, CBAM, SRM, SPA, SEM, SPEM, SGE, IE)},
}


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
        self._settings = settings
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
            return getattr(unit, "for_block", lambda block_name: unit)

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
        return ATTENTIONS[attention]
    if isinstance(attention, keras.layers.Layer):
        if _is_cell(attention) or isinstance(attention, RecurrentAttention):
            raise ValueError(
                "An RNN cell has a fixed width, and every stage has another: pass a function of the channel "
                f"count, like `attention=lambda n: DIALSTMCell(n, reduction=8)`. Received: attention={attention!r}"
            )
        config = attention.get_config()
        config.pop("name")
        return lambda channels, **settings: type(attention).from_config({**config, **settings})
    if callable(attention):
        return attention
    raise ValueError(
        "`attention` must be None, a name, a function of the channel count, or a layer. "
        f"Received: attention={attention!r}"
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
