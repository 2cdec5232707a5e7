"""Tests of folders of images, one folder per class."""

import os
import shutil
import subprocess
import sys
import typing

import numpy as np
import pytest
from odd_pictures import write_odd_pictures, write_unreadable_pictures
from PIL import Image

from dia_keras.data import load
from dia_keras.data.picture import Resize, read_picture


@pytest.fixture
def folder(tmp_path):
    """Returns a folder of two classes, each with two images to train on and one to test on."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 2), ("test", 1)):
        for name in ("ant", "bee"):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(count):
                image = Image.fromarray(rng.integers(0, 256, (40, 30, 3), np.uint8))
                image.save(tmp_path / split / name / f"{number}.png")
    return tmp_path


def test_every_kind_of_picture_is_read_as_by_predict(folder):
    shutil.rmtree(folder / "train" / "bee")
    (folder / "train" / "bee" / "deeper").mkdir(parents=True)
    odd = write_odd_pictures(folder / "train" / "bee" / "deeper")
    paths = sorted(picture.path for picture in odd.values())
    assert {path.suffix for path in paths} == {".png", ".tif", ".webp", ".gif", ".jpg", ".pgm"}
    for resize in typing.get_args(Resize):
        train = load(folder, image_size=(16, 12), resize=resize).train
        expected = [read_picture(path, 16, 12, resize) for path in paths]
        np.testing.assert_array_equal(train.images[2:], expected)
        assert train.labels.tolist() == [0] * 2 + [1] * len(paths) and train.labels.dtype == np.int64


def test_hidden_files_are_skipped_and_counted(folder):
    (folder / "train" / "ant" / "._0.png").write_bytes(b"\0\5\26\7")
    (folder / "train" / "ant" / ".DS_Store").touch()
    (folder / "test" / "bee" / "Thumbs.db").touch()
    (folder / "train" / "__MACOSX" / "ant").mkdir(parents=True)
    (folder / "train" / ".cache").mkdir()
    with pytest.warns(UserWarning, match=r"Skipped 5 hidden files and folders in .*, such as train/\.cache"):
        data = load(folder, image_size=(8, 8))
    assert data.class_names == ("ant", "bee") and len(data.train.labels) == 4


def test_files_that_cannot_be_read_are_an_error_with_their_names(folder):
    unreadable = write_unreadable_pictures(folder / "train" / "bee")
    for name, path in unreadable.items():
        shutil.move(path, folder / name)
    for name in unreadable:
        bad = folder / "train" / "bee" / name
        shutil.copy(folder / name, bad)
        with pytest.raises(ValueError, match=rf"^{bad} [^\n]*\nRepair or remove what cannot be read: 1 of 5 files\.$"):
            load(folder, image_size=(8, 8))
        bad.unlink()
    for name in unreadable:
        shutil.copy(folder / name, folder / "train" / "bee")
    with pytest.raises(ValueError, match=r"\nand 3 more\nRepair or remove what cannot be read: 8 of 12 files\.$"):
        load(folder, image_size=(8, 8))


def test_pipes_broken_links_and_texts_are_an_error_with_their_names(folder):
    os.mkfifo(folder / "test" / "ant" / "pipe.png")
    (folder / "test" / "ant" / "link.png").symlink_to(folder / "nowhere.png")
    (folder / "test" / "ant" / "notes.txt").write_text("no image")
    with pytest.raises(
        ValueError, match=r"link\.png does not exist\.\n.*notes\.txt is not an image .*\n.*pipe\.png is not"
    ):
        load(folder, image_size=(8, 8))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have such names")
def test_a_class_whose_name_is_not_utf_8_is_an_error(folder):
    other = folder / "train" / os.fsdecode(b"caf\xe9")
    other.mkdir()
    shutil.copy(next((folder / "train").rglob("*.png")), other / "a.png")
    with pytest.raises(ValueError, match=r"names are UTF-8.*caf.udce9"):
        load(folder, image_size=(8, 8))


def test_a_class_without_images_is_an_error(folder):
    (folder / "train" / "cat").mkdir()
    (folder / "train" / "cat" / ".hidden.png").touch()
    with pytest.raises(ValueError, match=r"Add some, or remove the folder\. Received: no images in .*train/cat"):
        load(folder, image_size=(8, 8))
    shutil.rmtree(folder / "test")
    (folder / "test").mkdir()
    shutil.rmtree(folder / "train" / "cat")
    with pytest.raises(ValueError, match=r"Received: no images in .*test$"):
        load(folder, image_size=(8, 8))


def test_images_beside_the_folders_of_classes_are_an_error(folder):
    (folder / "train" / "labels.csv").touch()
    load(folder, image_size=(8, 8))
    Image.new("L", (4, 4)).save(folder / "train" / "lost.webp")
    with pytest.raises(ValueError, match=r"Move or remove 1 images in .*Received: .*lost\.webp"):
        load(folder, image_size=(8, 8))


def test_classes_that_differ_are_named(folder):
    (folder / "test" / "bee").rename(folder / "test" / "wasp")
    with pytest.raises(ValueError, match=r"must have the same classes.*only one of them has 'bee', 'wasp'"):
        load(folder, image_size=(8, 8))


@pytest.mark.parametrize("image_size", [32, (32,), (32, 0), (32, 32, 3), (1.5, 2)])
def test_an_image_size_that_is_none_is_an_error(image_size, folder):
    with pytest.raises(ValueError, match=r"`image_size` must be \(height, width\), two positive integers\. Received"):
        load(folder, image_size=image_size)


def test_other_rules_and_channels_are_an_error(folder):
    with pytest.raises(ValueError, match="Received: resize='fill'"):
        load(folder, image_size=(8, 8), resize="fill")
    with pytest.raises(ValueError, match=r"`channels` must be None, 1 or 3\. Received: channels=2"):
        load(folder, image_size=(8, 8), channels=2)
    assert load(folder, image_size=(8, 8), channels=1).train.images.shape == (4, 8, 8, 1)


def test_folders_need_no_backend(folder):
    script = f"""
import sys
import typing
for name in ("tensorflow", "tensorflow_datasets", "jax", "torch", "keras"):
    sys.modules[name] = None
sys.argv[0] = "dia-keras"  # the command line imports Keras only where it must
from dia_keras.data import load
print(load({str(folder)!r}, image_size=(8, 8)).train.images.shape)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "(4, 8, 8, 3)\n", done.stderr
