"""The measure that files are held against."""

import numpy as np
import pytest

from dia_keras.export.comparison import ExportMismatchError, compare, in_two_batches, largest_difference


def test_difference_is_absolute_for_probabilities_and_relative_for_logits():
    assert largest_difference(np.array([0.5, 0.25]), np.array([0.5, 0.5])) == 0.25
    assert largest_difference(np.array([100.0, -150.0]), np.array([100.0, -200.0])) == 0.25


def test_largest_difference_of_all_answers_is_returned():
    runners = {"a": lambda images: images + 0.1, "b": lambda images: images + 0.3, "c": lambda images: images}
    assert compare(runners, np.zeros((2, 3)), np.zeros((2, 3)), 0.5) == 0.3


@pytest.mark.parametrize("wrong", [0.2, np.nan, np.inf, -np.inf])
def test_one_wrong_number_is_a_mismatch(wrong):
    expected = np.zeros((2, 3))
    answer = expected.copy()
    answer[1, 2] = wrong
    with pytest.raises(ExportMismatchError, match="the file differs"):
        runners = {"good": lambda images: images, "the file": lambda images: answer[-len(images) :]}
        compare(runners, expected, expected, 0.1)


def test_another_shape_is_a_mismatch():
    with pytest.raises(ExportMismatchError, match="differs by inf"):
        compare({"the file": lambda images: images[:, :1]}, np.zeros((2, 3)), np.zeros((2, 3)), 0.1)


def test_two_batches_have_different_sizes():
    sizes = []
    answers = in_two_batches(lambda part: sizes.append(len(part)) or part, np.arange(8))
    assert sizes == [1, 7] and (answers == np.arange(8)).all()
