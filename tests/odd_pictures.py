"""Pictures of odd kinds, with the pixels that they show, computed by hand."""

import pathlib
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image


class Picture(NamedTuple):
    """A file, and what it shows, uint8 `(height, width, 3)`."""

    path: pathlib.Path
    pixels: np.ndarray


def write_odd_pictures(folder: pathlib.Path) -> dict[str, Picture]:
    """Writes the pictures into a folder and returns them by name."""
    found = {}

    def add(name, pixels, content=None, image=None, **settings):
        path = folder / name
        if content is None:
            image.save(path, **settings)
        else:
            path.write_bytes(content)
        pixels = np.asarray(pixels, np.uint8)
        found[name] = Picture(path, np.repeat(pixels[..., None], 3, -1) if pixels.ndim == 2 else pixels)

    deep = np.array([[0, 128, 129, 256, 32768, 65535]], np.uint16)
    eight = [[0, 0, 1, 1, 128, 255]]  # v / 257
    add("gray16.png", eight, image=Image.fromarray(deep))
    add("gray16.tif", eight, image=Image.fromarray(deep))
    add("gray16.pgm", eight, content=b"P5 6 1 65535\n" + deep.astype(">u2").tobytes())
    add("gray16_key.png", [[0, 0, 1, 255, 128, 255]], content=png(0, 16, deep.astype(">u2").tobytes(), 6, [256]))
    add("gray16_inverted.tif", [[255, 255, 254, 254, 127, 0]], content=tiff(deep.tobytes(), 6, 16, is_inverted=True))
    # 0xfff, 0x800 in 12 bits each: 4095 and 2048 of 4095.
    add("gray12.tif", [[255, 128]], content=tiff(b"\xff\xf8\x00", 2, 12))
    add("gray2_key.png", [[0, 85, 170, 255]], content=png(0, 2, b"\x1b", 4, [3]))
    add("gray2_black_key.png", [[255, 85, 170, 255]], content=png(0, 2, b"\x1b", 4, [0]))
    add("gray4_key.png", [[0, 255, 255]], content=png(0, 4, b"\x08\xf0", 3, [8]))
    add("gray1.png", [[0, 255]], image=Image.fromarray(np.array([[False, True]])))
    rgb16 = struct.pack(">6H", 0x0100, 0x0203, 0x0405, 0xFF00, 0, 0x00FF)
    add("rgb16.png", [[[1, 2, 4], [255, 0, 0]]], content=png(2, 16, rgb16, 2))
    add("rgb16_key.png", [[[255] * 3, [255, 0, 0]]], content=png(2, 16, rgb16, 2, [0x0100, 0x0203, 0x0405]))
    add("rgb_key.png", [[[1, 2, 3], [255] * 3]], content=png(2, 8, bytes([1, 2, 3, 4, 5, 6]), 2, [4, 5, 6]))

    palette = Image.new("P", (4, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30])
    palette.putdata([0, 1, 2, 3])
    shown = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]
    add("palette.png", [shown], image=palette)
    # Green is transparent, and blue by 127 / 255.
    alpha = [shown[0], [255, 255, 255], [127, 127, 255], shown[3]]
    add("palette_alpha.png", [alpha], image=palette, transparency=bytes([255, 0, 128, 255]))
    add("palette_key.gif", [[shown[0], [255] * 3, *shown[2:]]], image=palette, transparency=1)
    rgba = Image.fromarray(np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [200, 100, 0, 51]]], np.uint8), "RGBA")
    add("rgba.png", [[[255] * 3, [0] * 3, [244, 224, 204]]], image=rgba)  # 255 + (v - 255) / 5
    add("rgba.webp", [[[255] * 3, [0] * 3, [244, 224, 204]]], image=rgba, lossless=True, exact=True)
    add("gray_alpha.png", [[255, 7]], image=Image.fromarray(np.array([[[7, 0], [7, 255]]], np.uint8), "LA"))

    # A channel shows (255 - ink) (255 - black) / 255.
    ink = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 255, 0], [0, 128, 0, 127], [9, 9, 9, 255]]], np.uint8)
    cmyk = [[[255, 255, 255], [0, 255, 255], [255, 0, 0], [128, 64, 128], [0, 0, 0]]]
    add("cmyk.tif", cmyk, image=Image.fromarray(ink, "CMYK"))
    add("cmyk.jpg", [[[0, 255, 255]] * 8] * 8, image=Image.new("CMYK", (8, 8), (255, 0, 0, 0)), quality=100)

    # What is to be done with the stored pixels, by the EXIF standard's eight orientations.
    stored = np.arange(0, 180, 30, np.uint8).reshape(2, 3)
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: stored.T[:, ::-1],
        7: stored[::-1, ::-1].T,
        8: stored.T[::-1],
    }
    for orientation, pixels in upright.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        add(f"exif{orientation}.png", pixels, image=Image.fromarray(stored), exif=exif)
        add(f"exif{orientation}.tif", pixels, image=Image.fromarray(stored), exif=exif)
    return found


def write_unreadable_pictures(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Writes files that must be refused, and returns them by name."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(folder / "cut.jpg", quality=95)
    content = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(content[: len(content) // 2])
    Image.fromarray(noise).save(folder / "bit.png")
    damaged = bytearray((folder / "bit.png").read_bytes())
    damaged[damaged.index(b"IDAT") + 50] ^= 16
    (folder / "bit.png").write_bytes(damaged)
    (folder / "text.png").write_text("no image")
    (folder / "empty.jpg").touch()
    (folder / "bomb.png").write_bytes(png(0, 1, b"", 30_000, height=30_000))
    eps = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    (folder / "program.eps").write_text(eps)
    (folder / "program.png").write_text(eps)
    Image.fromarray(noise[..., 0].astype(np.float32)).save(folder / "float.tif")
    names = ("cut.jpg", "bit.png", "text.png", "empty.jpg", "bomb.png", "program.eps", "program.png", "float.tif")
    return {name: folder / name for name in names}


def png(color: int, bits: int, row: bytes, width: int, key: list[int] | None = None, height: int = 1) -> bytes:
    """Returns a PNG file of one row, with the color `key` transparent."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    if key:
        chunks.insert(1, (b"tRNS", struct.pack(f">{len(key)}H", *key)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def tiff(row: bytes, width: int, bits: int, is_inverted: bool = False) -> bytes:
    """Returns a little-endian TIFF file of one gray row."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: 0 if is_inverted else 1, 273: 0, 277: 1, 278: 1, 279: len(row)}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + row
