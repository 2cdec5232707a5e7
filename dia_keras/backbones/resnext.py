"""ResNeXt for CIFAR."""

from functools import partial
from typing import Unpack

import keras

from ..arguments import positive_integer
from ..units.initializers import he_linear_kernel
from .blocks import bottleneck_branch, post_activation_block
from .network import ZERO_BIAS, ZERO_BIAS_CELLS, NetworkOptions, Stage, blocks_per_stage, network, small_stem


def resnext(
    depth: int = 101,
    cardinality: int = 8,
    group_width: int = 32,
    *,
    skip: bool = True,
    **options: Unpack[NetworkOptions],
) -> keras.Model:
    """ResNeXt (Xie et al., https://arxiv.org/abs/1611.05431): the paper's is ResNeXt101,8x32.

    Args:
        depth: 9 n + 2: 29, 38, 56, 101, ...
        cardinality: Number of groups of the 3x3 convolutions.
        group_width: Filters a group in the first stage. Stages have 128, 256 and 512 output channels.
        skip: Whether blocks have skip connections.
        **options: Attention, input and head: see `dia_keras.backbones.network.network`.

    Returns:
        A functional `keras.Model` from images, `(batch, height, width, channels)`, to `(batch, num_classes)`.

    Raises:
        ValueError: On an argument out of range.
    """
    cardinality = positive_integer("cardinality", cardinality)
    group_width = positive_integer("group_width", group_width)
    n = blocks_per_stage(depth, 9, 2)
    branch = partial(bottleneck_branch, width=cardinality * group_width / 128, groups=cardinality)
    return network(
        stem=small_stem(32),
        stages=[Stage(128, 1, n), Stage(256, 2, n), Stage(512, 2, n)],
        block=partial(post_activation_block, branch=branch, skip=skip),
        settings={
            **ZERO_BIAS_CELLS,
            "se": {"ratio": 4, "use_bias": False},
            "cbam": {"use_bias": False},
            "spa": {"ratio": 4},
            "sem": {"ratio": 4, **ZERO_BIAS},
        },
        classifier_initializers={"kernel_initializer": he_linear_kernel(), **ZERO_BIAS},
        total_stride=4,
        **options,
    )
