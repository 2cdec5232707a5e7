"""ResNet for CIFAR: bottleneck (the paper's) and basic blocks."""

from functools import partial
from typing import Literal, Unpack

import keras

from ..arguments import boolean
from .blocks import (
    Projection,
    basic_branch,
    bottleneck_branch,
    post_activation_block,
    pre_activation_block,
    pre_basic_branch,
    pre_bottleneck_branch,
)
from .network import NetworkOptions, Stage, blocks_per_stage, build_network, small_stem

BlockName = Literal["bottleneck", "basic"]


def resnet(
    depth: int,
    block: BlockName = "bottleneck",
    *,
    normalize: bool = True,
    skip: bool = True,
    **options: Unpack[NetworkOptions],
) -> keras.Model:
    """ResNet for small images (He et al., https://arxiv.org/abs/1512.03385), three stages.

    Args:
        depth: 9 n + 2 with bottleneck blocks (56, 83, 164, 245, 326, 407: the paper's), output channels
            64, 128, 256; 6 n + 2 with basic blocks (20, 32, 44, 56, 110), output channels 16, 32, 64.
        block: `"bottleneck"` or `"basic"`.
        normalize: Whether the blocks' branches have batch norms (Table 14: without; stem and shortcuts keep theirs).
        skip: Whether blocks have skip connections (Fig. 9 and 10: without).
        **options: Attention, input and head: see `dia_keras.backbones`.

    Returns:
        A functional `keras.Model` from images, `(batch, height, width, channels)`, to `(batch, num_classes)`.

    Raises:
        ValueError: On an argument out of range.

    Example:

    >>> model = resnet(164, attention="dia_lstm", num_classes=100)
    >>> model = resnet(164, attention="dia_lstm", attention_config={"reduction": 16}, attention_stages=(2, 3))
    """
    stages, widths = _stages(depth, block)
    branch = bottleneck_branch if block == "bottleneck" else basic_branch
    branch = partial(branch, normalize=boolean("normalize", normalize))
    return build_network(
        stem=small_stem(widths),
        stages=stages,
        block=partial(post_activation_block, branch=branch, skip=boolean("skip", skip)),
        attention_defaults={"se": {"ratio": 16}},
        total_stride=4,
        **options,
    )


def preresnet(
    depth: int,
    block: BlockName = "bottleneck",
    *,
    skip: bool = True,
    projection: Projection = "raw",
    norm_before_cells: bool = True,
    **options: Unpack[NetworkOptions],
) -> keras.Model:
    """ResNet with pre-activation (He et al., https://arxiv.org/abs/1603.05027), three stages.

    By default it is the network of the authors' code. The one of pytorchcv, whose weights have the same shapes, has
    `projection="activated", norm_before_cells=False`.

    Args:
        depth: 9 n + 2 with bottleneck blocks, 6 n + 2 with basic blocks.
        block: `"bottleneck"` or `"basic"`.
        skip: Whether blocks have skip connections.
        projection: Whether the projected shortcuts start from a block's input, `"raw"`, or from what its first batch
            norm and ReLU make of it, `"activated"`.
        norm_before_cells: Whether recurrent attention gets one batch norm more, after the branch's last convolution.
        **options: Attention, input and head: see `dia_keras.backbones`.

    Returns:
        A functional `keras.Model` from images, `(batch, height, width, channels)`, to `(batch, num_classes)`.

    Raises:
        ValueError: On an argument out of range.
    """
    if projection not in ("raw", "activated"):
        raise ValueError(f"`projection` must be 'raw' or 'activated'. Received: projection={projection!r}")
    stages, widths = _stages(depth, block)
    branch = pre_bottleneck_branch if block == "bottleneck" else pre_basic_branch
    return build_network(
        stem=small_stem(widths, pre_activation=True),
        stages=stages,
        block=partial(pre_activation_block, branch=branch, skip=boolean("skip", skip), projection=projection),
        pre_activation=True,
        norm_before_cells=boolean("norm_before_cells", norm_before_cells),
        attention_defaults={"se": {"ratio": 16}},
        total_stride=4,
        **options,
    )


def _stages(depth: int, block: str) -> tuple[list[Stage], int]:
    """Returns the three stages and the stem's width."""
    if block not in ("bottleneck", "basic"):
        raise ValueError(f"`block` must be 'bottleneck' or 'basic'. Received: block={block!r}")
    expansion = 4 if block == "bottleneck" else 1
    if block == "bottleneck":
        n = blocks_per_stage(depth, 9, 2, ' (20, 32, 44, 56 and 110 are those of `block="basic"`.)')
    else:
        n = blocks_per_stage(depth, 6, 2)
    return [Stage(16 * expansion, 1, n), Stage(32 * expansion, 2, n), Stage(64 * expansion, 2, n)], 16
