"""The warning for images that are not pixel values."""


class PixelRangeWarning(UserWarning):
    """Images look like 0 to 1 or -1 to 1, where a network takes pixel values, 0 to 255, and scales them itself.

    Each network says so once. `warnings.filterwarnings("ignore", category=dia_keras.PixelRangeWarning)` silences it,
    and `"error"` makes an error of it.
    """


def looks_scaled(values) -> bool:
    """Whether an array looks like images that were scaled to 0..1 or -1..1.

    None of its values is larger than 1, and some are fractions: black pictures, and the darkest ones of integers, are
    not taken for scaled.
    """
    return bool(values.size and (abs(values) <= 1).all() and (values % 1 != 0).any())
