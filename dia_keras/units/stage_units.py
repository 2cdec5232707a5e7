"""Calls of an attention by the blocks of a stage, whatever it is made of."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from .recurrent_attention import RecurrentAttention

#: Takes features and states, and returns both: what a block calls after its branch.
BlockAttention = Callable[[Any, Any], tuple[Any, Any]]


class StageUnit(NamedTuple):
    """A unit of a stage: `stage_unit` makes it of a cell, of a module, or of anybody's layer.

    Attributes:
        layer: The layer on feature maps.
        carries_state: Whether a block hands a state on to the next one.
    """

    layer: keras.layers.Layer
    carries_state: bool

    def of_one_block(self) -> BlockAttention:
        """Returns what a block calls that has the unit to itself."""
        return self._with_states(self.layer)

    def of_block(self, name: str) -> BlockAttention:
        """Returns what the block `name` calls, one of those that share the unit."""
        # What blocks must not share, a module gives to each of them; others' layers do not have this method.
        for_block = getattr(self.layer, "for_block", None)
        return self._with_states(for_block(name) if for_block else self.layer)

    def _with_states(self, function: Callable) -> BlockAttention:
        if self.carries_state:
            return function
        return lambda features, states: (function(features), states)


def stage_unit(layer: keras.layers.Layer) -> StageUnit:
    """Returns an RNN cell, a module or another layer on feature maps as the unit of a stage."""
    layer = RecurrentAttention(layer) if is_cell(layer) else layer
    return StageUnit(layer, carries_state(layer))


def is_cell(layer) -> bool:
    """Returns whether a layer follows Keras' RNN-cell protocol."""
    return hasattr(layer, "state_size")


def carries_state(layer) -> bool:
    """Returns whether a layer on feature maps takes states and returns them, as `RecurrentAttention` does."""
    return getattr(layer, "carries_state", False)
