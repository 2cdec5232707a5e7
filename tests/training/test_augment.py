"""Tests of the augmentation on the device, against NumPy."""

import keras
import numpy as np
import pytest

from dia_keras.training import Recipe
from dia_keras.training.augmentation import batches as batches_module
from dia_keras.training.augmentation.augment import change_light, rotate_and_zoom, shrunk
from dia_keras.training.augmentation.batches import augmenter, mean_color
from dia_keras.training.augmentation.draws import cutmix_box, draw_epoch, erased_boxes

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


def sampled(image, angle, scale):
    """Returns an image rotated clockwise and scaled: every pixel is looked up in the old image, linearly."""
    height, width = image.shape[:2]
    padded = np.pad(image.astype("float64"), ((2, 2), (2, 2), (0, 0)))
    found = np.zeros(image.shape)
    for row, column in np.ndindex(height, width):
        y, x = row - (height - 1) / 2, column - (width - 1) / 2
        old_y = (np.cos(angle) * y - np.sin(angle) * x) / scale + (height - 1) / 2
        old_x = (np.cos(angle) * x + np.sin(angle) * y) / scale + (width - 1) / 2
        if not (-1 < old_y < height and -1 < old_x < width):
            continue
        top, left = int(np.floor(old_y)), int(np.floor(old_x))
        for i, j in np.ndindex(2, 2):
            weight = (1 - abs(old_y - top - i)) * (1 - abs(old_x - left - j))
            found[row, column] += weight * padded[top + i + 2, left + j + 2]
    return found


def test_rotation_and_zoom_are_about_the_center_and_bring_black_from_outside():
    images = IMAGES[:3].astype("float32")
    angle, scale = np.array([0.3, -0.2, 0.0], "float32"), np.array([1.0, 0.8, 1.25], "float32")
    found = keras.ops.convert_to_numpy(rotate_and_zoom(*map(keras.ops.convert_to_tensor, (images, angle, scale))))
    np.testing.assert_allclose(found, list(map(sampled, images, angle, scale)), atol=0.1)
    square = images[:1, :7]
    quarter = rotate_and_zoom(*map(keras.ops.convert_to_tensor, (square, np.array([np.pi / 2], "float32"), scale[:1])))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(quarter)[0], np.rot90(square[0], -1), atol=0.1)


def test_contrast_is_about_an_images_mean_color_and_light_stays_in_range():
    images = IMAGES[:2].astype("float32")
    mean = images.mean((1, 2), keepdims=True)
    factors, added = np.array([0.5, 2.0], "float32"), np.array([10.0, -40.0], "float32")
    found = change_light(*map(keras.ops.convert_to_tensor, (images, factors, added)))
    expected = np.stack([mean[0] + 0.5 * (images[0] - mean[0]) + 10, mean[1] + 2 * (images[1] - mean[1]) - 40])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected.clip(0, 255), atol=1e-2)
    assert expected.min() < 0 and expected.max() > 255


@pytest.mark.parametrize("change", ["brightness", "contrast", "rotation", "zoom"])
def test_every_change_of_light_or_shape_is_reproducible_and_stays_in_range(change):
    reach = {"rotation": 30.0}.get(change, 0.5)
    plain, (draws, images, _) = (
        next(batches(Recipe("x", 1, batch_size=16, **options))) for options in ({}, {change: reach})
    )
    assert images.dtype == "float32" and images.min() >= 0 and images.max() <= 255
    np.testing.assert_array_equal(draws.top, plain[0].top)  # in the first batch, what else is drawn is the same
    assert np.mean(np.abs(images - plain[1]).max((1, 2, 3)) > 1) > 0.9
    again, other = (next(batches(Recipe("x", 9, batch_size=16, seed=seed, **{change: reach})))[1] for seed in (0, 1))
    np.testing.assert_array_equal(again, images)
    assert not np.array_equal(other, images)


def test_changes_are_drawn_evenly_from_their_ranges():
    recipe = Recipe("x", 1, batch_size=1000, brightness=0.1, contrast=0.2, rotation=10, zoom=0.3)
    draws = next(draw_epoch(recipe, 0, 1000, (9, 7)))
    for name, low, high in (
        ("brightness", -25.5, 25.5),
        ("contrast", 0.8, 1.2),
        ("angle", -np.deg2rad(10), np.deg2rad(10)),
        ("scale", 0.7, 1.3),
    ):
        values = (getattr(draws, name) - low) / (high - low)
        assert 0 <= values.min() < 0.02 and 0.98 < values.max() <= 1 and abs(values.mean() - 0.5) < 0.03


def test_what_recipes_of_before_drew_is_what_they_draw():
    first, second, *_ = draw_epoch(Recipe("x", 1, batch_size=16), 3, 50, (9, 7))
    assert first.indices[:5].tolist() == [48, 35, 6, 21, 36] and second.top[:5].tolist() == [2, 5, 1, 3, 7]
    assert second.flip[:5].tolist() == [False, True, True, False, True]


@pytest.mark.parametrize("size", [1, 4, 5, 7])
def test_smaller_images_have_the_means_of_what_their_pixels_cover(size):
    """Against pixels that are first repeated, so that every smaller one covers whole ones."""
    fine = IMAGES.astype("float32").repeat(size, axis=1).repeat(size, axis=2)
    expected = fine.reshape(50, size, 9, size, 7, 3).mean((2, 4))
    got = keras.ops.convert_to_numpy(shrunk(keras.ops.convert_to_tensor(IMAGES.astype("float32")), size))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-3)


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


def test_the_mean_color_is_right_however_many_images_there_are():
    """A sum in float32 stops growing at 2**32."""
    gray = np.broadcast_to(np.uint8(100), (30_000, 32, 32, 3))
    np.testing.assert_allclose(mean_color(gray), [100.0] * 3)


def test_pixels_are_counted_within_a_batch(monkeypatch):
    """All images may have more pixels than an int32 counts."""
    seen, crop_and_flip = [], batches_module.crop_and_flip

    def spy(images, *arguments):
        seen.append(tuple(images.shape))
        return crop_and_flip(images, *arguments)

    monkeypatch.setattr(batches_module, "crop_and_flip", spy)
    next(batches(Recipe("x", 1, batch_size=16)))
    assert seen == [(16, 9, 7, 3)]
