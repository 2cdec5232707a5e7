"""The blocks of a network, found by the names that `dia_keras.backbones` gives their layers."""

import re
from typing import NamedTuple

import keras

from .layer_by_layer import nodes_of

_ATTENTION = re.compile(r"stage(\d+)(_block\d+)?_attention")
_OF_STAGE = re.compile(r"stage(\d+)_(?!.*attention)")


class Block(NamedTuple):
    """A block of a network: the number of its stage and its own number in it, both counted from 1."""

    stage: int
    number: int

    def __str__(self):
        return f"{self.stage}.{self.number}"


def attention_calls(model: keras.Model) -> dict[int, Block]:
    """Returns the block of every call of an attention, by the `id` of Keras' node of the call, in their order.

    Raises:
        ValueError: If the model has no attention, or was rewritten for inference.
    """
    if blocks := find_attention_calls(model):
        return blocks
    raise ValueError(
        "`model` must be a network of `dia_keras.backbones` with attention. "
        f"Received: model={model!r}, without layers named 'stage1_attention' or 'stage1_block1_attention'"
    )


def find_attention_calls(model: keras.Model) -> dict[int, Block]:
    """Returns what `attention_calls` does, and nothing for a network without attention.

    Raises:
        ValueError: If the model was rewritten for inference: its attention may be spread over several layers.
    """
    blocks: dict[int, Block] = {}
    for node in nodes_of(model):
        if hasattr(node.operation, "state_size"):
            raise ValueError(
                "`model` must not be rewritten for inference, as `dia_keras.export.optimize` does. "
                f"Received: model={model!r}, which calls the cell {node.operation.name!r} outside of its attention"
            )
        if match := _ATTENTION.fullmatch(node.operation.name):
            blocks[id(node)] = _next(blocks, int(match[1]))
    return blocks


def sums(model: keras.Model) -> dict[str, Block]:
    """Returns the blocks by the names of the layers that add shortcut and branch, in that order of inputs.

    It is empty where a network has no skip connections.
    """
    blocks: dict[str, Block] = {}
    for node in nodes_of(model):
        match = _OF_STAGE.match(node.operation.name)
        if match and isinstance(node.operation, keras.layers.Add):
            blocks[node.operation.name] = _next(blocks, int(match[1]))
    return blocks


def _next(blocks: dict, stage: int) -> Block:
    """Returns the next block of a stage. A stage has one call of each kind a block, in the order of the blocks."""
    return Block(stage, 1 + sum(block.stage == stage for block in blocks.values()))
