"""Statistics of comparisons: mean and deviation, Student's t-test, Holm's correction."""

import importlib.util
import math
import statistics
import warnings
from collections.abc import Sequence
from typing import NamedTuple

#: Level of significance of the paper.
LEVEL = 0.05


class Comparison(NamedTuple):
    """Two samples compared: the difference of their means, its 95% interval, and the two-sided p-value.

    Interval and p-value are NaN where a sample has fewer than two values. The p-value is NaN where neither sample has
    any spread.
    """

    difference: float
    low: float
    high: float
    p: float


def verdict(difference: float, p: float) -> str:
    """Returns what a difference with a p-value says at the level 0.05."""
    if math.isnan(p):
        return ""
    return ("lower" if difference < 0 else "higher") if p < LEVEL else "not significant"


def deviation(values: Sequence[float]) -> float:
    """Returns the standard deviation of a sample, with n - 1; NaN for fewer than two values."""
    return statistics.stdev(values) if len(values) > 1 else math.nan


def mean(values: Sequence[float]) -> float:
    """Returns the mean; NaN for no values."""
    return statistics.mean(values) if values else math.nan


def check_scipy() -> None:
    """Raises an `ImportError` where SciPy is not installed."""
    if importlib.util.find_spec("scipy") is None:
        raise ImportError('The t-test needs SciPy: `pip install "dia_keras[reproduction]"`')


def compare(ours: Sequence[float], theirs: Sequence[float]) -> Comparison:
    """Returns Student's two-sample t-test of `ours` against `theirs`, of equal variances, as the paper has it.

    Raises:
        ImportError: Where SciPy is not installed.
    """
    check_scipy()
    from scipy.stats import ttest_ind

    difference = mean(ours) - mean(theirs)
    if min(len(ours), len(theirs)) < 2:
        return Comparison(difference, math.nan, math.nan, math.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of samples without any spread
        test = ttest_ind(ours, theirs)
        low, high = test.confidence_interval()
    has_spread = bool(deviation(ours) or deviation(theirs))
    return Comparison(difference, float(low), float(high), float(test.pvalue) if has_spread else math.nan)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number by Holm's step-down method; NaN stays, and does not count.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics, 1979.

    Example:

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [math.nan] * len(p_values)
    tests = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    largest = 0.0
    for rank, (p, index) in enumerate(tests):
        largest = max(largest, min(1.0, (len(tests) - rank) * p))
        corrected[index] = largest
    return corrected
