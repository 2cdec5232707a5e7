"""Tests of accuracies from scores."""

import keras
import numpy as np
import pytest

from dia_keras.data import Split
from dia_keras.training import evaluate
from dia_keras.training.evaluation import evaluate_entry
from dia_keras.training.tuning.confusion import confusion_matrix, figures

SCORES = np.array([[3, 2, 1], [3, 1, 2], [1, 2, 3], [2, 3, 1]], "float32")


def answering(scores):
    """A model whose answers are the pixels of its images."""
    images = keras.Input((1, 1, scores.shape[1]))
    return keras.Model(images, keras.layers.Flatten()(images)), scores[:, None, None]


def test_accuracies_are_shares_of_the_images():
    model, images = answering(SCORES)
    found = evaluate(model, Split(images, np.array([0, 1, 2, 2])), ("a", "b", "c"), batch_size=3)
    assert (found.top1, found.top5, found.images) == (0.5, 1.0, 4)
    assert found.per_class == {"a": 1, "b": 0, "c": 0.5} and found.balanced == 0.5


def test_a_confusion_matrix_counts_answers_by_class():
    model, images = answering(SCORES)
    counts = confusion_matrix(model, Split(images, np.array([0, 1, 2, 2])), 3)
    assert counts.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 1]]
    assert figures(counts, ("a", "b", "c"))["balanced_accuracy"] == 0.5


@pytest.mark.parametrize(
    ("labels", "images", "message"),
    [
        (np.array([0, 1, 2, 3]), 4, r"`split` must have labels from 0 to 2\. Received: labels from 0 to 3"),
        (np.array([[0], [1], [2], [2]]), 4, r"`split` must have an integer label for each of its 4 images"),
        (np.zeros(0, int), 0, r"`split` must have images\. Received: none"),
    ],
)
def test_splits_that_cannot_be_measured_are_an_error(labels, images, message):
    model, pixels = answering(SCORES)
    with pytest.raises(ValueError, match=message):
        evaluate(model, Split(pixels[:images], labels), ("a", "b", "c"))


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_batches_have_one_image_or_more(batch_size):
    model, images = answering(SCORES)
    with pytest.raises(ValueError, match=f"`batch_size` must be a positive integer. Received: batch_size={batch_size}"):
        evaluate(model, Split(images, np.array([0, 1, 2, 2])), ("a", "b", "c"), batch_size)


@pytest.mark.parametrize("images", [0, -5, 2.5])
def test_an_entry_is_measured_on_one_image_or_more(images):
    with pytest.raises(ValueError, match=f"`images` must be a positive integer. Received: images={images}"):
        evaluate_entry("dia_resnet20_cifar10", images=images)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_no_answer(wrong):
    scores = SCORES.copy()
    scores[1, 2] = wrong
    model, images = answering(scores)
    split = Split(images, np.array([0, 1, 2, 2]))
    message = "must answer with finite scores: .* Received: NaN or infinity for 1 of 4 images"
    with pytest.raises(ValueError, match=message):
        evaluate(model, split, ("a", "b", "c"))
    with pytest.raises(ValueError, match=message):
        confusion_matrix(model, split, 3)
