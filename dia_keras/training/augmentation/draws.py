"""The random numbers of augmentation, drawn on the host from a generator seeded by (seed, epoch): a few an image.

So every backend sees the same augmented images, and a resumed run sees those that the uncut run would have seen.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from ..recipe import Recipe


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


def steps_per_epoch(recipe: Recipe, num_images: int) -> int:
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
