"""Pictures of any size and format, as networks take them."""

import pathlib

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError


def read_picture(path: pathlib.Path, height: int, width: int) -> np.ndarray:
    """Returns a picture, upright by its EXIF orientation, its center scaled, `(height, width, 3)`, uint8.

    Where it is transparent, it lies on white.

    Args:
        path: File of any format that Pillow reads, of 8 bits a channel, or gray of 16 bits.
        height: Height in pixels.
        width: Width in pixels.

    Raises:
        ValueError: Where the file is no picture, is damaged, has more pixels than Pillow takes for safe, or has pixels
            of 32 bits, whose range it does not tell.
    """
    try:
        with Image.open(path) as file:
            upright = ImageOps.exif_transpose(file)
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not an image that Pillow can read.") from error
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if upright.mode in ("I", "F"):
        raise ValueError(f"{path} must have 8 or 16 bits a pixel. Received: 32, Pillow's mode {upright.mode!r}")
    if upright.mode.startswith("I;16"):
        # Pillow's own conversion makes everything over 255 white.
        upright = Image.fromarray((np.asarray(upright) / 257).round().astype(np.uint8))
    if upright.has_transparency_data:
        opaque = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(opaque, upright.convert("RGBA"))
    return np.asarray(ImageOps.fit(upright.convert("RGB"), (width, height), Image.Resampling.BILINEAR))
