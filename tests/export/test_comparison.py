"""The measure that files are held against."""

import numpy as np
import pytest

from dia_keras.export.comparison import (
    ExportMismatchError,
    agreement,
    best_classes,
    compare,
    in_two_sizes,
    largest_difference,
)


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


@pytest.mark.parametrize(
    ("expected", "found", "share"),
    [
        ([[0.1, 0.9], [0.6, 0.4]], [[0.2, 0.8], [0.4, 0.6]], 0.5),
        ([[0.7], [0.2], [0.9], [0.6]], [[0.6], [0.6], [0.6], [0.4]], 0.5),
        ([[0.7], [1.2]], [[0.7], [1.2]], None),  # numbers that are no probabilities
        ([[[0.1, 0.9]]], [[[0.1, 0.9]]], None),
    ],
)
def test_a_file_agrees_where_it_puts_an_image_into_the_same_class(expected, found, share):
    assert agreement(lambda images: np.array(found), np.zeros((len(found), 2)), np.array(expected)) == share


def test_batches_have_different_sizes_and_fewer_images_where_these_are_large():
    for shape, expected in (((8, 2), [1, 7]), ((300, 2), [1, 250, 49]), ((50, 224, 224, 3), [1, 20, 20, 9])):
        sizes, images = [], np.arange(np.prod(shape), dtype="float32").reshape(shape)
        answers = in_two_sizes(lambda part, sizes=sizes: sizes.append(len(part)) or part, images)
        assert sizes == expected and (answers == images).all()


@pytest.mark.parametrize("damaged", [np.nan, np.inf])
def test_an_image_whose_scores_are_not_finite_is_of_no_class(damaged):
    scores = np.array([[0.9, 0.1], [damaged, 0.2], [0.2, 0.8]])
    assert best_classes(lambda images: scores, np.zeros((3, 2)), "Testing").tolist() == [0, -1, 1]
