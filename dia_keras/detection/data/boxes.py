"""Boxes as COCO has them, `(x, y, width, height)`, and as the library has them, `(x1, y1, x2, y2)`.

Both are in pixels of the original image, from its upper left corner. A box that covers the whole image is
`(0, 0, width, height)` in both.
"""

import math
from collections.abc import Sequence

import numpy as np

#: Pixels that a box may reach over the edge of its image. Annotations are rounded; such boxes are cut to it.
OVERHANG = 1.0


def box_fault(box: Sequence[float], height: int, width: int) -> tuple[str, str] | None:
    """Returns what is wrong with a box: the kind, in the plural, and the sentence; `None` for a good box.

    Args:
        box: `(x, y, width, height)` in pixels.
        height: Height of the image in pixels.
        width: Width of the image in pixels.
    """
    x, y, box_width, box_height = box
    if not all(map(math.isfinite, box)):
        return "boxes that are not finite", "has a box that is not finite"
    if box_width < 0 or box_height < 0:
        return "inverted boxes", "has an inverted box, whose right or lower edge comes before the other"
    if box_width == 0 or box_height == 0:
        return "boxes of zero size", "has a box of zero size"
    beyond = max(-x, -y, x + box_width - width, y + box_height - height)
    if beyond > OVERHANG:
        return "boxes outside their image", f"has a box that reaches {beyond:.4g} pixels out of its image"
    if x >= width or y >= height or x + box_width <= 0 or y + box_height <= 0:
        return "boxes outside their image", "has a box that lies outside its image"
    # As `corners` has them, but without an array for each of a million boxes.
    if np.float32(min(x + box_width, width)) <= np.float32(max(x, 0)) or (
        np.float32(min(y + box_height, height)) <= np.float32(max(y, 0))
    ):
        return "boxes of zero size", "has a box of zero size in float32"
    return None


def corners(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns boxes as `(x1, y1, x2, y2)`, cut to their image, float32 `(n, 4)`.

    Args:
        boxes: `(x, y, width, height)` in pixels, float64 `(n, 4)`.
        height: Height of the image in pixels.
        width: Width of the image in pixels.
    """
    reached = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return np.clip(reached, 0, (width, height, width, height)).astype(np.float32)
