"""Statistics and measures, held against values by hand and SciPy."""

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, ttest_ind

from dia_keras.reproduction import read_table
from dia_keras.reproduction.report.page import _tested
from dia_keras.reproduction.report.statistics import compare, deviation, holm, mean, verdict
from dia_keras.reproduction.report.summary import Summary
from dia_keras.reproduction.trainings.measures import area_under_roc, measure, roc_curve


def test_students_t_test_by_hand():
    """Means 2 and 4, pooled variance 1, standard error sqrt(2 / 3): t = -2.449 with 4 degrees of freedom."""
    found = compare([1, 2, 3], [3, 4, 5])
    assert found.difference == -2
    assert found.p == pytest.approx(0.0705, abs=1e-4)
    assert (found.low, found.high) == pytest.approx(
        (-2 - 2.7764 * math.sqrt(2 / 3), -2 + 2.7764 * math.sqrt(2 / 3)), rel=1e-3
    )


def test_students_t_test_is_scipys_of_equal_variances():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(1, 1, 15).tolist(), rng.normal(0, 3, 5).tolist()
    assert compare(ours, theirs).p == ttest_ind(ours, theirs).pvalue != ttest_ind(ours, theirs, equal_var=False).pvalue


def test_one_seed_has_a_difference_and_no_p_value():
    found = compare([2.0], [1.0, 3.0])
    assert found.difference == 0 and all(math.isnan(value) for value in found[1:])
    assert math.isnan(deviation([1.0])) and math.isnan(mean([]))


@pytest.mark.parametrize(("ours", "difference"), [([1.0, 1.0], "+0.00"), ([2.0, 2.0], "+1.00")])
def test_samples_without_spread_do_not_warn_and_have_no_verdict(ours, difference):
    found = compare(ours, [1.0, 1.0])
    assert math.isnan(found.p)
    assert _tested(Summary(read_table("table9").rows[0], {}, found)) == [difference, "", "", "", "no spread"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),
        ([0.6, 0.9], [1.0, 1.0]),
        ([math.nan, 0.03, 0.02], [math.nan, 0.04, 0.04]),
        ([], []),
    ],
)
def test_holms_corrected_p_values_are_those_by_hand(given, expected):
    assert holm(given) == pytest.approx(expected, nan_ok=True)


def test_a_verdict_is_the_sign_of_a_significant_difference():
    found = [verdict(1, 0.01), verdict(-1, 0.01), verdict(1, 0.05), verdict(1, math.nan)]
    assert found == ["higher", "lower", "not significant", ""]


def test_the_area_under_the_roc_curve_is_mann_whitneys_share():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 5, 40).astype(float), rng.random(40) < 0.4
    u = mannwhitneyu(scores[positive], scores[~positive]).statistic
    assert area_under_roc(scores, positive) == pytest.approx(u / (positive.sum() * (~positive).sum()))
    assert math.isnan(area_under_roc(scores, np.ones(40, bool)))


def test_the_roc_curve_by_hand():
    """Scores 4 (positive), 3 (negative), 2 (both), 1 (negative): through (0, 1/2), (1/3, 1/2), (2/3, 1), (1, 1)."""
    found = roc_curve(np.array([4.0, 3.0, 2.0, 2.0, 1.0]), np.array([True, False, True, False, False]))
    assert len(found) == 101 and found[0] == 0.5 and found[33] == 0.5 and found[50] == pytest.approx(0.75)
    assert found[67:] == pytest.approx([1.0] * 34)
    assert roc_curve(np.ones(3), np.ones(3, bool)) is None


def test_the_roc_curve_has_steps_where_a_threshold_finds_positives_alone():
    """Positive, negative, positive, negative: through (0, 1/2), (1/2, 1/2), (1/2, 1), (1, 1)."""
    found = roc_curve(np.array([3.0, 1.0, 2.0, 0.0]), np.array([True, True, False, False]))
    assert found == pytest.approx([0.5] * 50 + [1.0] * 51)


@pytest.mark.parametrize("negatives", [10, 70])
def test_the_area_under_the_roc_curve_is_that_under_its_points(negatives):
    rng = np.random.default_rng(1)
    positive = np.arange(100) >= negatives
    scores = rng.normal(size=100) + positive
    curve = roc_curve(scores, positive)
    assert np.trapezoid(curve, dx=0.01) == pytest.approx(area_under_roc(scores, positive), abs=0.005)
    assert roc_curve(np.zeros(100), positive) == pytest.approx(np.linspace(0, 1, 101))


def test_measures_of_two_classes_by_hand():
    logits = np.array([[2.0, 1.0], [0.0, 1.0], [1.0, 3.0], [0.0, 2.0]])
    found = measure(logits, np.array([0, 0, 0, 1]), ("NORMAL", "PNEUMONIA"))
    assert found == pytest.approx(
        {"top1": 50, "top5": 100, "NORMAL": 100 / 3, "PNEUMONIA": 100, "balanced": 200 / 3, "auc": 250 / 3}
    )


def test_outputs_that_are_not_finite_are_no_accuracy():
    found = measure(np.array([[np.nan, 1.0, 0.0]]), np.array([1]), ("a", "b", "c"))
    assert set(found) == {"top1", "top5", "balanced"} and all(math.isnan(value) for value in found.values())
