"""Tests of reading pictures."""

import os

import numpy as np
import pytest
from odd_pictures import write_odd_pictures, write_unreadable_pictures
from PIL import EpsImagePlugin, Image

from dia_keras.data.picture import read_picture, read_pictures, resized_pixels

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


def test_the_center_is_taken(tmp_path):
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


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return write_odd_pictures(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def unreadable(tmp_path_factory):
    return write_unreadable_pictures(tmp_path_factory.mktemp("unreadable"))


def test_pictures_of_odd_kinds_show_what_was_computed_by_hand(odd):
    wrong = {}
    for name, (path, pixels) in odd.items():
        for source in (path, path.read_bytes()):
            found = read_picture(source)
            tolerance = 2 if name.endswith(".jpg") else 0
            if found.shape != pixels.shape or np.abs(found.astype(int) - pixels).max() > tolerance:
                wrong[name] = found.tolist()
    assert not wrong


def test_what_cannot_be_read_is_an_error_with_its_name(unreadable):
    for name, path in unreadable.items():
        with pytest.raises(
            ValueError, match=f"^{path} (cannot be read|is not an image|is a PostScript|must have 8 or)"
        ):
            read_picture(path, 32, 32)
        with pytest.raises(ValueError, match=rf"^{name} of a set (cannot|is|must)"):
            read_picture(path.read_bytes(), 32, 32, name=f"{name} of a set")


def test_postscript_does_not_start_ghostscript(unreadable, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *a, **k: pytest.fail("Ghostscript was started"))
    for name in ("program.eps", "program.png"):
        with pytest.raises(ValueError, match=rf"{name} is a PostScript file.*Convert it to PNG"):
            read_picture(unreadable[name])


def test_a_pipe_is_an_error_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match=r"pipe.png is not a file"):
        read_picture(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match=r"none.png does not exist"):
        read_picture(tmp_path / "none.png")


def test_shrinking_does_not_alias(tmp_path):
    """A pixel is a mean weighted by a triangle twice as wide as the new pixels: 3, 3 and 1 parts of 7 at the border."""
    Image.fromarray(np.array([[0, 100, 200, 40]], np.uint8)).save(tmp_path / "row.png")
    expected = [round((3 * 0 + 3 * 100 + 200) / 7), round((100 + 3 * 200 + 3 * 40) / 7)]
    assert read_picture(tmp_path / "row.png", 1, 2, "stretch", channels=1)[0, :, 0].tolist() == expected == [71, 117]


def test_resize_crops_stretches_or_pads(tmp_path):
    Image.fromarray(np.repeat(np.array([[10, 20, 30, 40]], np.uint8), 2, 0)).save(tmp_path / "wide.png")

    def read(height, width, resize):
        return read_picture(tmp_path / "wide.png", height, width, resize)[..., 0].tolist()

    assert read(2, 2, "crop") == [[20, 30]] * 2
    assert read(3, 4, "stretch") == [[10, 20, 30, 40]] * 3
    assert read(4, 4, "pad") == [[0] * 4, *[[10, 20, 30, 40]] * 2, [0] * 4]
    assert [row[0] for row in read(2, 6, "pad")] == [0, 0] and read(2, 6, "pad")[0][1:5] == [10, 20, 30, 40]
    for resize in ("crop", "stretch", "pad"):
        assert read(2, 4, resize) == [[10, 20, 30, 40]] * 2
    assert read(2, 4, "center") == [[10, 20, 30, 40]] * 2
    with pytest.raises(
        ValueError, match=r"`resize` must be 'crop' or 'stretch' or 'pad' or 'center'. Received: resize='squash'"
    ):
        read(2, 2, "squash")


def test_a_very_long_picture_is_padded_too(tmp_path):
    Image.new("L", (3000, 2), 255).save(tmp_path / "line.png")
    pixels = read_picture(tmp_path / "line.png", 8, 8, "pad", channels=1)
    assert (pixels[3:4] == 255).all() and pixels.sum() == 8 * 255


def test_the_center_is_seven_eighths_of_what_fits(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 20, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "noise.png", 14, 14, "center"), pixels[1:-1, 3:-3])


def test_arrays_are_resized_as_pictures_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 30, 4), np.uint8)
    for resize in ("crop", "stretch", "pad"):
        for depth in (1, 3, 4):
            images = pixels[..., :depth]
            for number, image in enumerate(images):
                Image.fromarray(image.squeeze(-1) if depth == 1 else image).save(tmp_path / f"{number}.png")
            expected = [read_picture(tmp_path / f"{number}.png", 8, 9, resize) for number in range(2)]
            np.testing.assert_array_equal(resized_pixels(images, (8, 9), resize, channels=3), expected)
    assert resized_pixels(pixels, None) is pixels
    with pytest.raises(ValueError, match=r"`image_size` must be that of the images.* of shape \(.*, 4\)"):
        resized_pixels(pixels, (8, 9))


def test_images_larger_than_the_memory_are_an_error_before_any_is_read(tmp_path):
    message = r"^`image_size` must be .*\. Received: 1,000 images of 200000x100000, which take 60,000\.0 GB$"
    paths = [tmp_path / "none.png"] * 1000
    with pytest.raises(ValueError, match=message):
        read_pictures(paths, list(map(str, paths)), (200_000, 100_000))
    with pytest.raises(ValueError, match=message):
        resized_pixels(np.zeros((1000, 1, 1, 3), np.uint8), (200_000, 100_000))
