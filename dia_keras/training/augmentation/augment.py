"""The changes that augmentation makes to images, on the device."""

import numpy as np
from keras import ops


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
    contrast, brightness = (ops.reshape(values, (-1, 1, 1, 1)) for values in (contrast, brightness))
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
