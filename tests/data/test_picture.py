"""Tests of reading pictures."""

import numpy as np
import pytest
from PIL import Image

from dia_keras.data.picture import read_picture

GREY = np.random.default_rng(0).integers(0, 256, (6, 8), np.uint8)


def test_grey_pictures_of_16_bits_are_read_as_those_of_8(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "8.png")
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "16.png")
    expected = np.repeat(GREY[..., None], 3, -1)
    for name in ("8.png", "16.png"):
        np.testing.assert_array_equal(read_picture(tmp_path / name, 6, 8), expected)


def test_pictures_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned by 90 degrees, clockwise
    Image.fromarray(GREY).save(tmp_path / "turned.png", exif=exif)
    upright = np.rot90(GREY, -1)
    np.testing.assert_array_equal(read_picture(tmp_path / "turned.png", 8, 6)[..., 0], upright)


def test_the_centre_is_taken(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "wide.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "wide.png", 6, 6)[..., 0], GREY[:, 1:7])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white(mode, tmp_path):
    picture = Image.fromarray(GREY).convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 4, 6))
    picture.convert(mode).save(
        tmp_path / "half.png", **({"transparency": picture.convert(mode).getpixel((0, 0))} if mode == "P" else {})
    )
    pixels = read_picture(tmp_path / "half.png", 6, 8)
    assert (pixels[:, :4] == 255).all() and (pixels[:, 4:] != 255).any()


def test_a_picture_of_too_many_pixels_is_an_error_with_its_name(tmp_path, monkeypatch):
    Image.fromarray(GREY).save(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # of which Pillow takes twice as many
    with pytest.raises(ValueError, match=r"huge.png cannot be read: Image size \(48 pixels\) exceeds limit"):
        read_picture(tmp_path / "huge.png", 6, 8)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_32_bits_are_an_error(mode, tmp_path):
    Image.fromarray(GREY).convert(mode).save(tmp_path / "deep.tiff")
    with pytest.raises(ValueError, match=rf"deep.tiff must have 8 or 16 bits a pixel. Received: 32.*'{mode}'"):
        read_picture(tmp_path / "deep.tiff", 6, 8)


def test_a_damaged_picture_is_an_error_with_its_name(tmp_path):
    Image.fromarray(np.tile(GREY, (20, 20))).save(tmp_path / "cut.png")
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"cut.png cannot be read: .*truncated"):
        read_picture(tmp_path / "cut.png", 6, 8)
