"""ResNeXt for CIFAR."""

from functools import partial
from typing import Unpack

import keras

from .blocks import bottleneck_branch, post_activation_block
from .network import NetworkOptions, Stage, blocks_per_stage, network, small_stem


def resnext(
    depth: int = 101, cardinality: int = 8, group_width: int = 32, **options: Unpack[NetworkOptions]
) -> keras.Model:
    """ResNeXt (Xie et al., https://arxiv.org/abs/1611.05431): the paper's is ResNeXt101,8x32.

    Args:
        depth: 9 n + 2: 29, 38, 56, 101, ...
        cardinality: Number of groups of the 3x3 convolutions.
        group_width: Filters a group in the first stage. Stages have 128, 256 and 512 output channels.
        **options: Attention, input and head: see `dia_keras.backbones.network.network`.

    Returns:
        A functional `keras.Model` from images, `(batch, height, width, channels)`, to `(batch, num_classes)`.

    Raises:
        ValueError: On an argument out of range.
    """
    for argument, value in (("cardinality", cardinality), ("group_width", group_width)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"`{argument}` must be a positive integer. Received: {argument}={value!r}")
    n = blocks_per_stage(depth, 9, 2)
    branch = partial(bottleneck_branch, width=cardinality * group_width / 128, groups=cardinality)
    return network(
        stem=small_stem(32),
        stages=[Stage(128, 1, n), Stage(256, 2, n), Stage(512, 2, n)],
        block=partial(post_activation_block, branch=branch),
        settings={
            "se": {"ratio": 4, "use_bias": False},
            "cbam": {"use_bias": False},
            "spa": {"ratio": 4},
            "sem": {"ratio": 4},
        },
        # The authors' ResNeXt starts its classifier at He's normal values.
        classifier_initializers={
            "kernel_initializer": keras.initializers.VarianceScaling(2, "fan_in", "untruncated_normal")
        },
        total_stride=4,
        **options,
    )
