"""Augmentation on the device.

The random numbers are drawn on the host, from a generator seeded by (seed, epoch): a few an image.
On JAX the pixels never leave the device. Every backend sees the same augmented images, and a resumed run sees
those that the uncut run would have seen.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
from keras import ops

from .recipe import Recipe


@dataclasses.dataclass
class Draws:
    """The random numbers of one batch, NumPy arrays of length `batch` but for the scalars.

    Attributes:
        indices: Which images, int32.
        top, left: Offsets of the crop in the padded image, int32, from 0 to 2 * pad.
        flip: Whether to flip left to right, bool.
        erased: Rows and columns `(top, bottom, left, right)` that become the mean color, int32 `(batch, 4)`.
        partner: Which image of the batch to mix with, int32.
        weight: Weight of the image itself in its mix (scalar float32, 1 without mixing).
        box: Rows and columns `(top, bottom, left, right)` that CutMix takes from the partner, int32 `(4,)`.
        cut: Whether the mix is CutMix's (bool scalar) or MixUp's.
        angle: Rotations in radians, clockwise, float32.
        scale: How many times as large as it is an image's content becomes, float32.
        contrast: Factors of the deviations from an image's mean color, float32.
        brightness: What is added to pixel values, float32, in units of pixel values.
    """

    indices: np.ndarray
    top: np.ndarray
    left: np.ndarray
    flip: np.ndarray
    erased: np.ndarray
    partner: np.ndarray
    weight: np.ndarray
    box: np.ndarray
    cut: np.ndarray
    angle: np.ndarray
    scale: np.ndarray
    contrast: np.ndarray
    brightness: np.ndarray


def steps_an_epoch(recipe: Recipe, num_images: int) -> int:
    """Returns the number of whole batches.

    Raises:
        ValueError: Where there is none.
    """
    if num_images < recipe.batch_size:
        raise ValueError(
            f"`batch_size` must be at most the number of training images, {num_images}. "
            f"Received: batch_size={recipe.batch_size}"
        )
    return num_images // recipe.batch_size


def draw_epoch(recipe: Recipe, epoch: int, num_images: int, image_size: Sequence[int]) -> Iterator[Draws]:
    """Yields the draws of every batch of one epoch (counted from 0), in order."""
    rng = np.random.default_rng((recipe.seed, epoch))
    order = rng.permutation(num_images).astype(np.int32)
    batch = recipe.batch_size
    height, width = image_size
    for start in range(0, num_images - batch + 1, batch):
        mix = recipe.cutmix > 0 or recipe.mixup > 0
        cut = recipe.cutmix > 0 and (recipe.mixup == 0 or rng.random() < 0.5)
        weight, box = 1.0, np.zeros(4, np.int32)
        if mix:
            alpha = recipe.cutmix if cut else recipe.mixup
            weight = rng.beta(alpha, alpha)
        if cut:
            box = cutmix_box(weight, int(rng.integers(height)), int(rng.integers(width)), height, width)
            weight = 1 - (box[1] - box[0]) * (box[3] - box[2]) / (height * width)
        yield Draws(
            indices=order[start : start + batch],
            top=rng.integers(2 * recipe.pad + 1, size=batch, dtype=np.int32),
            left=rng.integers(2 * recipe.pad + 1, size=batch, dtype=np.int32),
            flip=rng.random(batch) < (0.5 if recipe.flip else 0.0),
            erased=erased_boxes(rng, recipe.erase, batch, height, width),
            partner=rng.permutation(batch).astype(np.int32),
            weight=np.asarray(weight, np.float32),
            box=box,
            cut=np.asarray(cut),
            angle=uniform(rng, 0.0, np.deg2rad(recipe.rotation), batch),
            scale=uniform(rng, 1.0, recipe.zoom, batch),
            contrast=uniform(rng, 1.0, recipe.contrast, batch),
            brightness=uniform(rng, 0.0, 255.0 * recipe.brightness, batch),
        )


def uniform(rng: np.random.Generator, center: float, reach: float, count: int) -> np.ndarray:
    """Returns numbers that are at most `reach` from a center, float32. None are drawn where the reach is 0."""
    drawn = rng.uniform(center - reach, center + reach, count) if reach else np.full(count, center)
    return drawn.astype(np.float32)


def erased_boxes(rng: np.random.Generator, probability: float, count: int, height: int, width: int) -> np.ndarray:
    """Returns the boxes of random erasing, `(count, 4)`: (top, bottom, left, right), empty where nothing is erased.

    Areas are 2 to 33% of the image and aspect ratios 0.3 to 3.3, as in Zhong et al.,
    https://arxiv.org/abs/1708.04896; a box that is longer than the image is cut to it, and not drawn again.
    """
    if probability == 0:
        return np.zeros((count, 4), np.int32)
    chosen = rng.random(count) < probability
    area, aspect = rng.uniform(0.02, 0.33, count), np.exp(rng.uniform(np.log(0.3), np.log(3.3), count))
    sides = np.sqrt([area * aspect, area / aspect]) * np.sqrt(height * width)
    rows, columns = np.minimum(np.round(sides), [[height], [width]]).astype(np.int32)
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    return np.stack([top, top + rows, left, left + columns], axis=1).astype(np.int32) * chosen[:, None]


def cutmix_box(weight: float, row: int, column: int, height: int, width: int) -> np.ndarray:
    """Returns CutMix's box around a center, clipped to the image: (top, bottom, left, right).

    Before clipping it covers `1 - weight` of the image (Yun et al., https://arxiv.org/abs/1905.04899).
    """
    side = np.sqrt(1 - weight)
    half_height, half_width = int(height * side) // 2, int(width * side) // 2
    rows = np.clip([row - half_height, row + half_height], 0, height)
    columns = np.clip([column - half_width, column + half_width], 0, width)
    return np.concatenate([rows, columns]).astype(np.int32)


def crop_and_flip(images, top, left, flip, pad: int):
    """Crops images, each at its own offset from its zero-padded self, and flips some.

    One gather does it all: rows and columns outside the image read as zero, so nothing is padded in memory.

    Args:
        images: `(batch, height, width, channels)`.
        top, left: Offsets of the crops in the padded images, from 0 to `2 * pad`.
        flip: Whether to flip left to right, bool `(batch,)`.
        pad: Zero-padding on each side.

    Returns:
        As `images`.
    """
    number, height, width, channels = images.shape
    rows = ops.expand_dims(top, 1) - pad + ops.arange(height, dtype="int32")
    columns = ops.arange(width, dtype="int32")
    columns = ops.where(ops.expand_dims(flip, 1), width - 1 - columns, columns) + ops.expand_dims(left, 1) - pad
    rows, columns = ops.expand_dims(rows, 2), ops.expand_dims(columns, 1)
    in_image = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    numbers = ops.reshape(ops.arange(number, dtype="int32"), (-1, 1, 1))
    source = (numbers * height + ops.clip(rows, 0, height - 1)) * width + ops.clip(columns, 0, width - 1)
    cropped = ops.take(ops.reshape(images, (-1, channels)), source, axis=0)
    return ops.where(ops.expand_dims(in_image, 3), cropped, ops.zeros_like(cropped))


def rotate_and_zoom(images, angle, scale):
    """Rotates images about their centers, clockwise, and scales what is in them; what comes from outside is black.

    Args:
        images: float32, `(batch, height, width, channels)`.
        angle: Radians, `(batch,)`.
        scale: How many times as large things become, `(batch,)`.

    Returns:
        As `images`, interpolated linearly.
    """
    x, y = (images.shape[2] - 1) / 2, (images.shape[1] - 1) / 2
    cosine, sine, zero = ops.cos(angle) / scale, ops.sin(angle) / scale, ops.zeros_like(angle)
    # From a point of the new image to that of the old one.
    column = [cosine, sine, x - cosine * x - sine * y]
    row = [-sine, cosine, y + sine * x - cosine * y]
    transforms = ops.stack([*column, *row, zero, zero], axis=1)
    return ops.image.affine_transform(images, transforms, data_format="channels_last")


def change_light(images, contrast, brightness):
    """Multiplies the deviations from every image's mean color, adds to all its pixels, and clips to 0 to 255.

    Args:
        images: float32, `(batch, height, width, channels)`.
        contrast: Factors of the deviations, `(batch,)`.
        brightness: What is added, `(batch,)`.
    """
    contrast, brightness = (ops.reshape(each, (-1, 1, 1, 1)) for each in (contrast, brightness))
    mean = ops.mean(images, axis=(1, 2), keepdims=True)
    return ops.clip(mean + contrast * (images - mean) + brightness, 0.0, 255.0)


def inside(images, boxes):
    """Returns which pixels of the images are in their boxes.

    Args:
        images: `(batch, height, width, channels)`.
        boxes: (top, bottom, left, right), one for each image, `(batch, 4)`, or one for all, `(1, 4)`.

    Returns:
        Bool, `(batch, height, width, 1)` or `(1, height, width, 1)`.
    """
    top, bottom, left, right = (ops.reshape(side, (-1, 1, 1, 1)) for side in ops.unstack(boxes, axis=1))
    rows = ops.reshape(ops.arange(images.shape[1], dtype="int32"), (1, -1, 1, 1))
    columns = ops.reshape(ops.arange(images.shape[2], dtype="int32"), (1, 1, -1, 1))
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


def mix(images, targets, partner, weight, box, cut):
    """Mixes every image with its partner, by MixUp or CutMix, and their targets by `weight`."""
    other = ops.take(images, partner, axis=0)
    cut_mixed = ops.where(inside(images, ops.expand_dims(box, 0)), other, images)
    mixed = ops.where(cut, cut_mixed, weight * images + (1 - weight) * other)
    return mixed, weight * targets + (1 - weight) * ops.take(targets, partner, axis=0)


def shrunk(images, size: int):
    """Returns square images of another size, each pixel the mean of what it covers.

    Args:
        images: float32, `(batch, height, width, channels)`.
        size: The new height and width, at most those of the images.
    """
    rows, columns = (covering(size, old) for old in images.shape[1:3])
    return ops.einsum("ih,bhwc,jw->bijc", rows, images, columns)


def covering(new: int, old: int) -> np.ndarray:
    """Returns the matrix that resamples a row of `old` pixels to `new` by area, float32 `(new, old)`."""
    borders = np.arange(new + 1) * old / new
    ends = np.minimum(borders[1:, None], np.arange(1, old + 1))
    begins = np.maximum(borders[:-1, None], np.arange(old))
    return (np.maximum(ends - begins, 0.0) * new / old).astype("float32")


def mean_color(images: np.ndarray) -> np.ndarray:
    """Returns the mean of all pixels by channel, float32; summed in float64, since so many do not fit a float32."""
    return images.mean((0, 1, 2), dtype="float64").astype("float32")


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
        steps_an_epoch(self._recipe, self._number)
        for epoch in itertools.count(first_epoch):
            draws_of_epoch = draw_epoch(self._recipe, epoch, self._number, self._sides)
            for draws in itertools.islice(draws_of_epoch, first_step if epoch == first_epoch else 0, None):
                yield self._augmenter()(draws)


def _compile(function: Callable) -> Callable:
    """Compiles a function of tensors on JAX; elsewhere its few ops run one by one."""
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)
