"""The warning for images that are not pixel values."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class PixelRangeWarning(UserWarning):
    """Images do not look like pixel values, 0 to 255, which a network takes and normalizes itself.

    They look like values from 0 to 1 or from -1 to 1, a mean was subtracted from them, or they have more than 8 bits.
    Each network says so once. `warnings.filterwarnings("ignore", category=dia_keras.PixelRangeWarning)` silences it,
    and `"error"` makes an error of it.
    """


def range_problem(values: "np.ndarray") -> str | None:
    """Returns what is wrong with images that are not pixel values, and what to do, `None` where they may be.

    - All values are 0 or 1, and more than one in 1,000 is 1: black and white, as a mask has them.
    - No value is above 1 or below -1, and some are fractions: the images were scaled. Black pictures are not taken for
      scaled.
    - A tenth of the sum of absolute values is negative: a mean was subtracted. Resizing by cubic filters makes values
      below 0, too, but fewer and smaller ones.
    - A value is above 510: the images have more than 8 bits. Filters do not get so far above 255.
    """
    if not values.size:
        return None
    takes = "but the network takes pixel values, from 0 to 255, and normalizes them itself"
    if values.dtype.name == "bool" or (((values == 0) | (values == 1)).all() and (values == 1).mean() > 0.001):
        return f"values that are 0 or 1, {takes}: multiply them by 255"
    if values.dtype.name == "uint8":
        return None
    values = values.astype("float32")
    sizes = abs(values)
    if (sizes <= 1).all() and (values % 1 != 0).any():
        return f"values from 0 to 1, or from -1 to 1, {takes}: pass the images as they are, without `/ 255`"
    if -values[values < 0].sum() > 0.1 * sizes.sum():
        return f"values that a mean was subtracted from, {takes}: pass the images as they are, not standardized"
    if values.max() > 2 * 255:
        return f"values up to {values.max():g}, {takes}: scale them, with `/ 257` if they have 16 bits"
    return None
