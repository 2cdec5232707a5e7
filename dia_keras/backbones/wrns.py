"""Wide ResNet for CIFAR."""

from functools import partial
from typing import Unpack

import keras

from ..arguments import boolean, is_number, positive_integer
from .blocks import pre_activation_block, pre_basic_branch
from .network import ZERO_BIAS, ZERO_BIAS_CELLS, NetworkOptions, Stage, blocks_per_stage, build_network, small_stem


def wrn(
    depth: int = 52, widen: int = 4, *, dropout: float = 0.3, skip: bool = True, **options: Unpack[NetworkOptions]
) -> keras.Model:
    """Wide ResNet (Zagoruyko and Komodakis, https://arxiv.org/abs/1605.07146): the paper's is WRN52-4.

    Recurrent attention gets one batch norm more, after the branch's last convolution, as in the authors' code.

    Args:
        depth: 6 n + 4: 16, 22, 28, 40, 52, ...
        widen: Factor k of the stages' widths 16 k, 32 k, 64 k.
        dropout: Rate of dropout between a block's two convolutions, in training.
        skip: Whether blocks have skip connections.
        **options: Attention, input and head: see `dia_keras.backbones`.

    Returns:
        A functional `keras.Model` from images, `(batch, height, width, channels)`, to `(batch, num_classes)`.

    Raises:
        ValueError: On an argument out of range.
    """
    widen = positive_integer("widen", widen)
    if not is_number(dropout) or not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: dropout={dropout!r}")
    n = blocks_per_stage(depth, 6, 4)
    branch = partial(pre_basic_branch, dropout=dropout)
    return build_network(
        stem=small_stem(16, pre_activation=True),
        stages=[Stage(16 * widen, 1, n), Stage(32 * widen, 2, n), Stage(64 * widen, 2, n)],
        block=partial(pre_activation_block, branch=branch, skip=boolean("skip", skip)),
        pre_activation=True,
        norm_before_cells=True,
        attention_defaults={
            **ZERO_BIAS_CELLS,
            "se": {"ratio": 4, **ZERO_BIAS},
            "sem": {"ratio": 4, **ZERO_BIAS},
            "cbam": {"use_bias": False},
        },
        classifier_initializers=ZERO_BIAS,
        total_stride=4,
        **options,
    )
