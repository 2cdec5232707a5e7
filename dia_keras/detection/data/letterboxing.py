"""An image of any size in a network's input: scaled in its own shape, in the center of black."""

from typing import NamedTuple

import numpy as np
from PIL import Image


class Letterbox(NamedTuple):
    """Where an image lies in a network's input. All in pixels.

    Attributes:
        original: Height and width of the image.
        scaled: Height and width that it is scaled to.
        offset: Rows and columns before it. May be negative: what lies outside is cut off.
        size: Height and width of the input.
    """

    original: tuple[int, int]
    scaled: tuple[int, int]
    offset: tuple[int, int]
    size: tuple[int, int]

    @classmethod
    def fit(cls, original: tuple[int, int], size: tuple[int, int], scale: float = 1.0) -> "Letterbox":
        """Returns the largest placement that shows an image whole, in the center.

        Args:
            original: Height and width of the image.
            size: Height and width of the input.
            scale: Factor of the size beyond that; above 1, the edges are cut off.
        """
        factor = scale * min(size[1] / original[1], size[0] / original[0])
        scaled = max(1, round(factor * original[0])), max(1, round(factor * original[1]))
        return cls(original, scaled, ((size[0] - scaled[0]) // 2, (size[1] - scaled[1]) // 2), size)

    def apply(self, boxes: np.ndarray) -> np.ndarray:
        """Returns boxes of the image as boxes of the input, float32 `(n, 4)`; `(x1, y1, x2, y2)` in pixels."""
        scale, offset = self._geometry()
        return (np.asarray(boxes, np.float64).reshape(-1, 4) * scale + offset).astype(np.float32)

    def undo(self, boxes: np.ndarray) -> np.ndarray:
        """Returns boxes of the input as boxes of the image, float32 `(n, 4)`; `(x1, y1, x2, y2)` in pixels.

        It is the exact inverse of `apply`. Boxes that reach into the black border come out beyond the image.
        """
        scale, offset = self._geometry()
        return ((np.asarray(boxes, np.float64).reshape(-1, 4) - offset) / scale).astype(np.float32)

    def place(self, image: np.ndarray) -> np.ndarray:
        """Returns the input with the image at its place, uint8 `(height, width, 3)`.

        Args:
            image: uint8 `(height, width, 3)`.
        """
        canvas = Image.new("RGB", self.size[::-1])
        scaled = Image.fromarray(image).resize(self.scaled[::-1], Image.Resampling.BILINEAR)
        canvas.paste(scaled, self.offset[::-1])
        return np.array(canvas)

    def _geometry(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the factors and the offsets of the four coordinates. Rounding makes the two factors differ."""
        vertical, horizontal = self.scaled[0] / self.original[0], self.scaled[1] / self.original[1]
        top, left = self.offset
        return np.array([horizontal, vertical] * 2), np.array([left, top] * 2, np.float64)


def letterbox(image: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, Letterbox]:
    """Returns an image in a network's input, and where it lies there.

    The pixels are those of `dia_keras.data.load(..., resize="pad")`: the whole image in its own shape, without
    aliasing, in the center of black.

    Args:
        image: uint8 `(height, width, 3)`.
        size: Height and width of the input in pixels.

    Returns:
        The input, uint8 `(*size, 3)`, and the `Letterbox`, which maps boxes to it and back.

    Raises:
        ValueError: If the image is no RGB image of 8 bits.
    """
    check_image(image)
    place = Letterbox.fit((image.shape[0], image.shape[1]), size)
    return place.place(image), place


def check_image(image: np.ndarray) -> None:
    """Raises a `ValueError` where an array is no RGB image of 8 bits."""
    dtype, shape = np.asarray(image).dtype, np.shape(image)
    if dtype != np.uint8 or len(shape) != 3 or shape[-1] != 3 or 0 in shape:
        raise ValueError(f"`image` must be uint8 of shape (height, width, 3). Received: {dtype} of shape {shape}")
