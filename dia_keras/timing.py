"""Times of calls that are compared: they take turns, so that what slows the machine down meets them all."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

Name = TypeVar("Name")


def interleaved(calls: Mapping[Name, Callable[[], Any]], runs: int) -> dict[Name, float]:
    """Returns the median seconds of calls that take turns; a first round, not counted, warms up.

    A turn is two calls, of which the second is timed: the first brings back into the processor's caches what the others
    have driven out, as where one network runs alone. The order is another one in every round.
    """
    seconds: dict[Name, list[float]] = {name: [] for name in calls}
    names, random = list(calls), np.random.default_rng(0)
    for turn in range(runs + 1):
        for index in random.permutation(len(names)):
            name = names[index]
            calls[name]()
            start = time.perf_counter()
            calls[name]()
            if turn > 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}
