"""Tests of the augmentation on the device, against NumPy."""

import keras
import numpy as np
import pytest

from dia_keras.training import Recipe
from dia_keras.training.augment import augmenter, cutmix_box, draw_epoch, erased_boxes

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 9, 7, 3), np.uint8)
LABELS = np.arange(50) % 10


def batches(recipe, epoch=0):
    augment = augmenter(IMAGES, LABELS, 10, recipe)
    for draws in draw_epoch(recipe, epoch, len(LABELS), (9, 7)):
        images, targets = map(keras.ops.convert_to_numpy, augment(draws))
        yield draws, images, targets


def cropped(draws, pad):
    padded = np.pad(IMAGES[draws.indices], ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    crops = [
        image[top : top + 9, left : left + 7] for image, top, left in zip(padded, draws.top, draws.left, strict=True)
    ]
    return np.stack([crop[:, ::-1] if flip else crop for crop, flip in zip(crops, draws.flip, strict=True)])


def test_crops_and_flips_are_those_of_padded_images():
    for draws, images, targets in batches(Recipe("x", 1, batch_size=16, pad=3)):
        np.testing.assert_array_equal(images, cropped(draws, 3))
        np.testing.assert_array_equal(targets, np.eye(10)[LABELS[draws.indices]])


def test_without_augmentation_images_are_untouched():
    for draws, images, _ in batches(Recipe("x", 1, batch_size=16, pad=0, flip=False)):
        np.testing.assert_array_equal(images, IMAGES[draws.indices])


def test_mixup_is_the_weighted_sum_of_images_and_targets():
    for draws, images, targets in batches(Recipe("x", 1, batch_size=16, mixup=0.5)):
        plain, classes = cropped(draws, 4).astype("float32"), np.eye(10)[LABELS[draws.indices]]
        mixed = draws.weight * plain + (1 - draws.weight) * plain[draws.partner]
        np.testing.assert_allclose(images, mixed, rtol=1e-5, atol=1e-3)
        expected = draws.weight * classes + (1 - draws.weight) * classes[draws.partner]
        np.testing.assert_allclose(targets, expected, rtol=1e-5, atol=1e-6)


def test_cutmix_pastes_a_box_and_weighs_targets_by_its_area():
    for draws, images, targets in batches(Recipe("x", 1, batch_size=16, cutmix=1.0)):
        expected = cropped(draws, 4)
        top, bottom, left, right = draws.box
        expected[:, top:bottom, left:right] = expected[draws.partner][:, top:bottom, left:right]
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_allclose(1 - draws.weight, (bottom - top) * (right - left) / 63, rtol=1e-6)
        np.testing.assert_allclose(targets.sum(-1), 1, rtol=1e-5)


def test_erased_boxes_become_the_mean_color():
    seen = []
    for draws, images, _ in batches(Recipe("x", 1, batch_size=16, erase=0.5)):
        expected = cropped(draws, 4).astype("float32")
        for image, (top, bottom, left, right) in zip(expected, draws.erased, strict=True):
            image[top:bottom, left:right] = IMAGES.mean((0, 1, 2))
            seen.append((bottom - top) * (right - left))
        np.testing.assert_allclose(images, expected, rtol=1e-6)
    assert 0.2 < np.mean(np.array(seen) > 0) < 0.8


def test_erased_boxes_have_the_papers_areas_and_lie_inside():
    boxes = erased_boxes(np.random.default_rng(0), 1.0, 10_000, 32, 32)
    top, bottom, left, right = boxes.T
    assert (boxes >= 0).all() and bottom.max() == right.max() == 32
    rows, columns = bottom - top, right - left
    assert (rows * columns / 1024).min() > 0.015 and (rows * columns / 1024).max() < 0.35
    assert (rows / columns).min() > 0.25 and (rows / columns).max() < 4
    assert abs((rows * columns / 1024).mean() - 0.175) < 0.01


def test_cutmix_box_covers_its_share_and_stays_inside():
    top, bottom, left, right = cutmix_box(0.75, 16, 16, 32, 32)
    assert (bottom - top) * (right - left) == 256
    assert tuple(cutmix_box(0.75, 0, 31, 32, 32)) == (0, 8, 23, 32)


def test_an_epoch_shows_every_image_at_most_once_in_another_order_each_time():
    recipe = Recipe("x", 1, batch_size=16)
    first, second = (
        np.concatenate([draws.indices for draws in draw_epoch(recipe, epoch, 50, (9, 7))]) for epoch in (0, 1)
    )
    assert len(first) == len(set(first)) == 48
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("change", [{"seed": 1}, {}])
def test_draws_depend_on_seed_and_epoch_alone(change):
    one, other = (
        next(draw_epoch(recipe, 3, 50, (9, 7)))
        for recipe in (Recipe("x", 5, batch_size=16), Recipe("x", 9, batch_size=16, **change))
    )
    same = np.array_equal(one.indices, other.indices) and np.array_equal(one.top, other.top)
    assert same == (not change)
