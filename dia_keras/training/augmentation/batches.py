"""The augmented batches of a data set.

The images are put on the device once. On JAX the pixels never leave it.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import ops

from ..recipe import Recipe
from .augment import change_light, crop_and_flip, inside, mix, rotate_and_zoom
from .draws import Draws, draw_epoch, steps_per_epoch


class Batches:
    """The augmented batches of a data set, which is put on the device once, with the first batch.

    Args:
        images, labels, num_classes, recipe: See `augmenter`.

    Call arguments:
        first_epoch: Number of the epoch to begin with, counted from 0.
        first_step: Number of the batch to begin with in it, counted from 0.

    Returns:
        An iterator of `(images, one-hot targets)`, epoch after epoch without end.

    Raises:
        ValueError: At the first batch, where there are fewer images than it has.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, num_classes: int, recipe: Recipe):
        self._number, self._sides, self._recipe = len(labels), images.shape[1:3], recipe
        self._augmenter = functools.cache(lambda: augmenter(images, labels, num_classes, recipe))

    def __call__(self, first_epoch: int = 0, first_step: int = 0) -> Iterator:
        steps_per_epoch(self._recipe, self._number)
        for epoch in itertools.count(first_epoch):
            draws_of_epoch = draw_epoch(self._recipe, epoch, self._number, self._sides)
            for draws in itertools.islice(draws_of_epoch, first_step if epoch == first_epoch else 0, None):
                yield self._augmenter()(draws)


def augmenter(images: np.ndarray, labels: np.ndarray, num_classes: int, recipe: Recipe) -> Callable:
    """Puts a data set on the device and returns the function from `Draws` to `(images, one-hot targets)`.

    Args:
        images: uint8, `(n, height, width, channels)`.
        labels: Integers, `(n,)`.
        num_classes: Number of classes.
        recipe: The recipe.
    """
    all_images = ops.convert_to_tensor(images)
    device_labels = ops.convert_to_tensor(labels.astype("int32"))
    filling = ops.convert_to_tensor(mean_color(images))
    mixing = recipe.mixup > 0 or recipe.cutmix > 0
    is_moved, is_lit = recipe.rotation > 0 or recipe.zoom > 0, recipe.contrast > 0 or recipe.brightness > 0

    def augment(
        data, classes, indices, top, left, flip, erased, partner, weight, box, cut, angle, scale, contrast, brightness
    ):
        chosen = ops.take(data, indices, axis=0)  # first, since the pixels of all images may be too many for an int32
        batch = ops.cast(crop_and_flip(chosen, top, left, flip, recipe.pad), "float32")
        targets = ops.one_hot(ops.take(classes, indices, axis=0), num_classes, dtype="float32")
        if is_moved:
            batch = rotate_and_zoom(batch, angle, scale)
        if is_lit:
            batch = change_light(batch, contrast, brightness)
        if recipe.erase > 0:
            batch = ops.where(inside(batch, erased), filling, batch)
        if mixing:
            batch, targets = mix(batch, targets, partner, weight, box, cut)
        return batch, targets

    compiled = _compile(augment)

    def apply(draws: Draws):
        arrays = [ops.convert_to_tensor(getattr(draws, field.name)) for field in dataclasses.fields(draws)]
        return compiled(all_images, device_labels, *arrays)

    return apply


def mean_color(images: np.ndarray) -> np.ndarray:
    """Returns the mean of all pixels by channel, float32; summed in float64, since so many do not fit a float32."""
    return images.mean((0, 1, 2), dtype="float64").astype("float32")


def _compile(function: Callable) -> Callable:
    """Compiles a function of tensors on JAX; elsewhere its few ops run one by one."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)
