"""Samples of candidates for a loss, of a fixed number and share."""

from typing import Any, NamedTuple

import keras
from keras import ops

from .suppression import gather_rows, top_k_indices


class Sample(NamedTuple):
    """Which candidates a loss counts.

    Attributes:
        rows: Indices of candidates, int32 `(batch, number)`.
        positive: Whether each is a positive one, bool `(batch, number)`.
        counted: Whether each counts; others only fill up, bool `(batch, number)`.
    """

    rows: Any
    positive: Any
    counted: Any


def draw_sample(positive, negative, number: int, share: float, seed: keras.random.SeedGenerator) -> Sample:
    """Draws candidates at random: positive ones up to a share of the number, and negative ones for the rest.

    Args:
        positive: bool `(batch, n)`.
        negative: bool `(batch, n)`; what is neither is not drawn.
        number: How many are drawn; `n` where there are fewer.
        share: Greatest share of positive ones.
        seed: The generator of random numbers.
    """
    chance = keras.random.uniform(ops.shape(positive), 0.0, 1.0, dtype="float32", seed=seed)
    number = min(number, positive.shape[1])
    lots = ops.where(positive, chance, -1.0)
    most = max(1, int(number * share))
    least = gather_rows(lots, top_k_indices(lots, most))[:, -1:]
    drawn = ops.logical_and(positive, lots >= least)
    lots = ops.where(drawn, chance + 2.0, ops.where(negative, chance + 1.0, 0.0))
    rows = top_k_indices(lots, number)
    # Not by lots of 2 and more: a chance may be so near to 1 that a negative one's lot is rounded to 2.
    return Sample(rows, gather_rows(ops.cast(drawn, "int32"), rows) > 0, gather_rows(lots, rows) >= 1.0)
