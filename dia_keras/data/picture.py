"""Decoding and resizing of pictures, for folders, TFDS, npz files, samples and the command line.

The scripts in `export/python` do the same, in one file each; `tests/deployment` holds them against this one.
"""

import io
import math
import os
import pathlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Literal, get_args

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

Resize = Literal["crop", "stretch", "pad", "center"]
# What "center" leaves out on each side: 7/8 remain, as where the short side becomes 256 pixels and 224 are taken.
_BORDER = 1 / 16


def read_picture(
    source: str | os.PathLike | bytes,
    height: int | None = None,
    width: int | None = None,
    resize: Resize = "crop",
    channels: Literal[1, 3] = 3,
    name: str | None = None,
) -> np.ndarray:
    """Returns a picture, upright by its EXIF orientation, on white where it is transparent, uint8.

    Args:
        source: Path, or the bytes, of a file of any format that Pillow reads, but EPS. It has 8 bits a channel, or is
            gray of 12 or 16 bits. Of several frames, the first is taken. Color profiles are ignored.
        height: Height in pixels; the picture's own by default.
        width: Width in pixels; the picture's own by default.
        resize: How the picture gets this height and width, see `resized`.
        channels: 3 for RGB, 1 for gray.
        name: What errors call the picture; its path by default.

    Returns:
        Array `(height, width, channels)`.

    Raises:
        ValueError: Where the source is not a file or not a picture, is damaged, has more pixels than Pillow takes for
            safe, or has pixels of 32 bits, whose range is not known.
    """
    if isinstance(source, bytes):
        name = name or "The picture"
    else:
        path = pathlib.Path(source)
        name = name or str(path)
        # Opening a pipe would wait for whoever writes into it.
        if not path.is_file():
            raise ValueError(f"{name} {'is not a file' if path.exists() else 'does not exist'}.")
    try:
        # Pillow maps a TIFF file that it opens by its name into memory, and gets turned ones wrong.
        with io.BytesIO(source) if isinstance(source, bytes) else path.open("rb") as file:
            opaque = _on_white(_upright(file))
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is not an image that Pillow can read.") from error
    except _Refused as error:
        raise ValueError(f"{name} {error}") from error
    except Exception as error:  # damaged files end in errors of many kinds, in Pillow's readers
        raise ValueError(f"{name} cannot be read: {error}") from error
    return _to_array(opaque, height, width, resize, channels)


def read_pictures(
    sources: Sequence[pathlib.Path | bytes],
    names: Sequence[str],
    image_size: tuple[int, int] | None,
    resize: Resize = "crop",
    channels: Literal[1, 3] = 3,
) -> np.ndarray:
    """Returns pictures as `read_picture` does, `(n, height, width, channels)`.

    Raises:
        ValueError: Where some cannot be read, with the names of the first, or differ in size and `image_size` is None,
            or where all together are larger than the memory.
    """
    height, width = image_size or (None, None)
    if image_size is not None:
        check_memory(len(sources), (*image_size, channels))

    def read(source: pathlib.Path | bytes, name: str) -> np.ndarray | ValueError:
        try:
            return read_picture(source, height, width, resize, channels, name)
        except ValueError as error:
            return error

    images, errors = np.empty((0, 0, 0, channels), np.uint8), []
    with ThreadPoolExecutor() as pool:
        for number, result in enumerate(pool.map(read, sources, names)):
            if isinstance(result, ValueError):
                errors.append(result)
            elif not errors:
                if not images.size:
                    check_memory(len(sources), result.shape)
                    images = np.empty((len(sources), *result.shape), np.uint8)
                if result.shape != images.shape[1:]:
                    raise ValueError(
                        "`image_size` must be (height, width) where images differ in size. Received: image_size=None, "
                        f"images of {images.shape[1:3]} and, {names[number]}, {result.shape[:2]}"
                    )
                images[number] = result
    if errors:
        more = f"\nand {len(errors) - 5} more" if len(errors) > 5 else ""
        raise ValueError(
            "\n".join(map(str, errors[:5]))
            + f"{more}\nRepair or remove what cannot be read: {len(errors)} of {len(sources)} files."
        )
    return images


def resized_pixels(
    pixels: np.ndarray,
    image_size: tuple[int, int] | None,
    resize: Resize = "crop",
    channels: Literal[1, 3] | None = None,
) -> np.ndarray:
    """Returns arrays as `read_picture` would return the pictures of these pixels.

    Args:
        pixels: uint8 images `(n, height, width, channels)`: gray, with alpha (2), RGB, or with alpha (4).
        image_size: `(height, width)`; those of the images by default.
        resize: How images get another size, see `resized`.
        channels: 3 for RGB, 1 for gray; those of the images by default.

    Raises:
        ValueError: Where images of another number of channels are to be changed, or where they become larger than the
            memory.
    """
    height, width = image_size or pixels.shape[1:3]
    if pixels.shape[1:] == (height, width, channels or pixels.shape[-1]):
        return pixels
    if pixels.shape[-1] not in (1, 2, 3, 4) or (channels is None and pixels.shape[-1] not in (1, 3)):
        raise ValueError(
            "`image_size` must be that of the images, and `channels` None, unless they have 1 or 3 channels, or up to "
            f"4 that are to become gray or RGB. Received: image_size={image_size!r}, channels={channels!r}, and "
            f"images of shape {pixels.shape[1:]}"
        )
    wanted: Literal[1, 3] = channels or pixels.shape[-1]
    check_memory(len(pixels), (height, width, wanted))
    images = np.empty((len(pixels), height, width, wanted), np.uint8)
    for place, image in zip(images, pixels, strict=True):
        picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
        place[:] = _to_array(_on_white(picture), height, width, resize, wanted)
    return images


def check_memory(number: int, shape: tuple[int, ...]) -> None:
    """Raises a `ValueError` where so many images of this shape take more bytes than the machine has."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):  # Windows
        return
    needed, there = number * math.prod(shape), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise ValueError(
            f"`image_size` must be so small that all images fit into the memory, {there / 1e9:.1f} GB. "
            f"Received: {number:,} images of {shape[0]}x{shape[1]}, which take {needed / 1e9:,.1f} GB"
        )


def resized(picture: Image.Image, height: int, width: int, resize: Resize = "crop") -> Image.Image:
    """Returns a gray or RGB picture of another size, without aliasing; one of this size, as it is.

    Args:
        picture: The picture.
        height: Height in pixels.
        width: Width in pixels.
        resize: `"crop"` takes the center, as large as it can be in the new shape; `"stretch"` takes all, in the new
            shape; `"pad"` takes all in its own shape, in the center of black; `"center"` takes seven eighths of what
            `"crop"` does, as is usual for ImageNet.

    Raises:
        ValueError: On another `resize`.
    """
    check_resize(resize)
    if picture.size == (width, height):
        return picture
    if resize == "center":
        return ImageOps.fit(picture, (width, height), Image.Resampling.BILINEAR, bleed=_BORDER)
    if resize == "crop":
        return ImageOps.fit(picture, (width, height), Image.Resampling.BILINEAR)
    if resize == "stretch":
        return picture.resize((width, height), Image.Resampling.BILINEAR)
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(scale * picture.width)), max(1, round(scale * picture.height))
    padded = Image.new(picture.mode, (width, height))
    padded.paste(picture.resize(size, Image.Resampling.BILINEAR), ((width - size[0]) // 2, (height - size[1]) // 2))
    return padded


def check_resize(resize: str) -> None:
    """Raises a `ValueError` where `resize` is none of the rules."""
    if resize not in get_args(Resize):
        raise ValueError(f"`resize` must be {' or '.join(map(repr, get_args(Resize)))}. Received: resize={resize!r}")


class _Refused(Exception):
    """A picture that Pillow reads, but not to pixels that are surely right."""


def _upright(file: BinaryIO) -> Image.Image:
    """Returns the picture in a file, turned upright, of 8 bits a channel."""
    with Image.open(file) as image:
        if image.format == "EPS":
            raise _Refused("is a PostScript file, which Ghostscript would have to run. Convert it to PNG.")
        largest, is_inverted = 65535, False
        if image.format == "TIFF":
            bits, photometric = image.tag_v2.get(258), image.tag_v2.get(262)  # type: ignore[attr-defined]
            largest, is_inverted = 4095 if bits == (12,) else 65535, photometric == 0
        key = _transparent_color(image)
        upright = ImageOps.exif_transpose(image)
        # Netpbm's gray pictures of 16 bits are scaled to 65535 by Pillow.
        is_deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if is_deep:
        # Pillow's own conversion makes everything over 255 white.
        values = np.asarray(upright)
        gray = (values * (255.0 / largest)).round().astype(np.uint8)
        gray = 255 - gray if is_inverted else gray
        return Image.fromarray(gray if key is None else np.where(values == key, np.uint8(255), gray))
    if upright.mode in ("I", "F"):
        raise _Refused(f"must have 8 or 16 bits a pixel. Received: 32, Pillow's mode {upright.mode!r}")
    if key is not None:
        upright.info["transparency"] = key
    return upright


def _transparent_color(image: ImageFile.ImageFile):
    """Returns the color that is transparent in a PNG file, where Pillow gives it in the file's bits, not in its own."""
    key = image.info.get("transparency")
    layout = image.tile[0].args if image.format == "PNG" and image.tile else None
    if layout in ("L;2", "L;4"):
        return None if key is None else key * (85 if layout == "L;2" else 17)
    if layout == "RGB;16B":
        return None if key is None else tuple(value >> 8 for value in key)
    return key


def _on_white(picture: Image.Image) -> Image.Image:
    """Returns a picture as gray or RGB, on white where it is transparent."""
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return picture if picture.mode == "L" else picture.convert("RGB")


def _to_array(
    picture: Image.Image, height: int | None, width: int | None, resize: Resize, channels: Literal[1, 3]
) -> np.ndarray:
    """Returns a picture as an array of this size and number of channels."""
    picture = picture.convert("RGB" if channels == 3 else "L")
    small = resized(picture, height or picture.height, width or picture.width, resize)
    return np.asarray(small).reshape(small.height, small.width, channels)
