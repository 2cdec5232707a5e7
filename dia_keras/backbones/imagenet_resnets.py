"""ResNet18, 34, 50 and 101 for larger images."""

from functools import partial
from typing import Unpack

import keras

from ..arguments import boolean
from .blocks import basic_branch, bottleneck_branch, post_activation_block
from .network import NetworkOptions, Stage, build_network, large_stem

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def imagenet_resnet(
    depth: int = 50, *, skip: bool = True, stride_in_1x1: bool = False, **options: Unpack[NetworkOptions]
) -> keras.Model:
    """ResNet with a 7x7 stem and four stages, as the paper uses it for mini-ImageNet, chest X-rays and detection.

    DIA-LSTM has reduction 4 in ResNet18 and 34, and 20 in ResNet50 and 101, whose stages are four times wider.

    Args:
        depth: 18, 34 (basic blocks), 50 or 101 (bottlenecks).
        skip: Whether blocks have skip connections.
        stride_in_1x1: Whether the first 1x1 convolution of a bottleneck has the stride, as in He et al., and not the
            3x3 convolution. Weights of one form have the shapes of the other.
        **options: Attention, input and head: see `dia_keras.backbones`. `input_shape` is `(224, 224, 3)` by default.

    Returns:
        A functional `keras.Model` from images, `(batch, height, width, channels)`, to `(batch, num_classes)`.

    Raises:
        ValueError: On an argument out of range.
    """
    if depth not in BLOCKS:
        raise ValueError(f"`depth` must be one of {', '.join(map(str, BLOCKS))}. Received: depth={depth!r}")
    bottleneck = depth >= 50
    if boolean("stride_in_1x1", stride_in_1x1) and not bottleneck:
        raise ValueError(
            f"`stride_in_1x1` is for bottlenecks, which depth {depth} does not have. Received: stride_in_1x1=True"
        )
    branch = partial(bottleneck_branch, stride_in_1x1=stride_in_1x1) if bottleneck else basic_branch
    expansion = 4 if bottleneck else 1
    options.setdefault("input_shape", (224, 224, 3))
    return build_network(
        stem=large_stem,
        stages=[
            Stage(filters * expansion, stride, blocks)
            for filters, stride, blocks in zip((64, 128, 256, 512), (1, 2, 2, 2), BLOCKS[depth], strict=True)
        ],
        block=partial(post_activation_block, branch=branch, skip=boolean("skip", skip)),
        attention_defaults={"dia_lstm": {"reduction": 20 if bottleneck else 4}, "se": {"ratio": 16}},
        total_stride=32,
        **options,
    )
