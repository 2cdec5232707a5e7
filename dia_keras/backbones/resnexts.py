"""ResNeXt for CIFAR."""

from functools import partial
from typing import Unpack

import keras

from ..arguments import boolean, positive_integer
from ..units.initializers import he_linear_kernel
from .blocks import bottleneck_branch, post_activation_block
from .network import ZERO_BIAS, ZERO_BIAS_CELLS, NetworkOptions, Stage, blocks_per_stage, build_network, small_stem


def resnext(
    depth: int = 101,
    cardinality: int = 8,
    group_width: int = 32,
    *,
    filters: int = 128,
    stem_filters: int = 32,
    skip: bool = True,
    **options: Unpack[NetworkOptions],
) -> keras.Model:
    """ResNeXt (Xie et al., https://arxiv.org/abs/1611.05431): the paper's is ResNeXt101,8x32.

    Args:
        depth: 9 n + 2: 29, 38, 56, 101, ...
        cardinality: Number of groups of the 3x3 convolutions.
        group_width: Filters a group in the first stage.
        filters: Output channels of the first stage; the others have two and four times as many. ResNeXts published
            for CIFAR have 256, those of the paper 128.
        stem_filters: Filters of the stem; of published ones 64, of the paper's 32.
        skip: Whether blocks have skip connections.
        **options: Attention, input and head: see `dia_keras.backbones`.

    Returns:
        A functional `keras.Model` from images, `(batch, height, width, channels)`, to `(batch, num_classes)`.

    Raises:
        ValueError: On an argument out of range.
    """
    cardinality = positive_integer("cardinality", cardinality)
    group_width = positive_integer("group_width", group_width)
    filters = positive_integer("filters", filters)
    n = blocks_per_stage(depth, 9, 2)
    branch = partial(bottleneck_branch, width=cardinality * group_width / filters, groups=cardinality)
    return build_network(
        stem=small_stem(positive_integer("stem_filters", stem_filters)),
        stages=[Stage(filters, 1, n), Stage(2 * filters, 2, n), Stage(4 * filters, 2, n)],
        block=partial(post_activation_block, branch=branch, skip=boolean("skip", skip)),
        attention_defaults={
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
