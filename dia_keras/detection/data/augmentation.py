"""Flips and scales images and boxes together."""

import numpy as np

from .detection_set import Example
from .letterboxing import Letterbox

#: Smallest and largest factor of an image's size, against the largest that shows it whole.
SCALES = (0.75, 1.35)
#: Of a box that the edge cuts, the part that must be left for the object to be found. Less is neither found nor missed.
VISIBLE = 0.25


def augmented(
    example: Example, size: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns an image at a random scale and place, half of the time flipped left to right, with its boxes.

    The scale is drawn evenly on a logarithmic axis. A smaller image lies anywhere in the input; of a larger one, the
    input shows any part. Boxes are cut at the edges.

    Args:
        example: The image and its boxes.
        size: Height and width of the input in pixels.
        rng: Source of the random numbers; four are drawn.

    Returns:
        The input, uint8 `(*size, 3)`; the boxes, float32 `(n, 4)`, empty where nothing is left; and the part of each
        box that is left, from 0 to 1, float32 `(n,)`.
    """
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    place = Letterbox.fit((example.image.shape[0], example.image.shape[1]), size, scale)
    room = [whole - part for whole, part in zip(size, place.scaled, strict=True)]
    top, left = (int(rng.integers(min(0, space), max(0, space) + 1)) for space in room)
    place = place._replace(offset=(top, left))
    image, boxes = place.place(example.image), place.apply(example.boxes)
    if rng.random() < 0.5:
        image, boxes = flipped(image, boxes)
    cut = np.clip(boxes, 0, (size[1], size[0], size[1], size[0])).astype(np.float32)
    # A box may be too small for float32 once it is scaled.
    return image, cut, areas(cut) / np.maximum(areas(boxes), np.finfo(np.float32).tiny)


def flipped(image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns an image and its boxes `(x1, y1, x2, y2)`, flipped left to right."""
    width = image.shape[1]
    mirrored = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
    return np.ascontiguousarray(image[:, ::-1]), mirrored


def areas(boxes: np.ndarray) -> np.ndarray:
    """Returns the areas of boxes `(x1, y1, x2, y2)`, `(n,)`."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
