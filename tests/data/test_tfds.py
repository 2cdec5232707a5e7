"""Tests of data sets from TFDS, which are made here."""

import io

import numpy as np
import pytest
from PIL import Image

from dia_keras.data import load
from dia_keras.data.picture import read_picture

tfds = pytest.importorskip("tensorflow_datasets")
pytestmark = pytest.mark.tensorflow


def encode(pixels, **settings):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, **{"format": "PNG", **settings})
    return file.getvalue()


def noise(height, width, depth=3):
    shape = (height, width, depth) if depth > 1 else (height, width)
    return np.random.default_rng(height * width).integers(0, 256, shape, np.uint8)


class Made(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A data set of encoded images by split, of two classes in turns."""

    VERSION = tfds.core.Version("1.0.0")
    images, features, keys, secret = {}, None, ("image", "label"), None

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(self.features), supervised_keys=self.keys
        )

    def _split_generators(self, manager):
        return {split: self._generate_examples(images) for split, images in self.images.items()}

    def _generate_examples(self, images):
        for number, image in enumerate(images):
            is_secret = images is self.images.get(self.secret)
            yield number, {"image": io.BytesIO(image), "label": -1 if is_secret else number % 2}


@pytest.fixture
def make(tmp_path):
    """Returns a function that prepares a data set, and loads it."""

    def make(images, shape=(None, None, 3), keys=("image", "label"), **arguments):
        features = {
            "image": tfds.features.Image(shape=shape),
            "label": tfds.features.ClassLabel(names=["ant", "bee"]),
        }
        Made.images, Made.features, Made.keys = images, features, keys
        Made.name = "made"
        Made(data_dir=tmp_path).download_and_prepare()
        return load("made", data_dir=tmp_path, **arguments)

    return make


def test_images_of_several_sizes_are_resized_as_pictures_are(make):
    exif = Image.Exif()
    exif[0x0112] = 6
    images = [
        encode(noise(90, 50)),
        encode(noise(20, 30)),
        encode(noise(33, 64), exif=exif),
        encode(noise(64, 48), format="JPEG", quality=90, exif=exif),
        encode(noise(40, 40, 4)),
    ]
    data = make({"train": images, "test": images[:2]}, image_size=(32, 24), resize="pad")
    expected = [read_picture(image, 32, 24, "pad") for image in images]
    by_content = sorted(image.tobytes() for image in data.train.images)
    assert by_content == sorted(image.tobytes() for image in expected)
    assert data.train.images.dtype == np.uint8 and sorted(data.train.labels) == [0, 0, 0, 1, 1]
    assert data.test.images.shape == (2, 32, 24, 3) and data.class_names == ("ant", "bee")


def test_images_of_several_sizes_need_an_image_size(make):
    with pytest.raises(ValueError, match=r"`image_size` must be \(height, width\) where images differ in size"):
        make({"train": [encode(noise(9, 5)), encode(noise(5, 9))], "test": [encode(noise(9, 5))]})


def test_images_of_one_size_are_those_that_tfds_decodes(make, tmp_path):
    images = [encode(np.roll(noise(8, 6), shift)) for shift in range(40)]
    data = make({"train": images, "test": images[:3]}, shape=(8, 6, 3))
    builder = tfds.builder("made", data_dir=tmp_path)
    pixels, labels = tfds.as_numpy(builder.as_dataset("train", batch_size=-1, as_supervised=True))
    np.testing.assert_array_equal(data.train.images, pixels)
    np.testing.assert_array_equal(data.train.labels, labels)


def test_grey_images_stay_grey_or_become_rgb(make):
    images = [encode(noise(8, 6, 1))]
    grey = make({"train": images * 2, "test": images}, shape=(8, 6, 1))
    np.testing.assert_array_equal(grey.test.images[0, ..., 0], noise(8, 6, 1))
    rgb = make({"train": images * 2, "test": images}, shape=(8, 6, 1), channels=3)
    np.testing.assert_array_equal(rgb.test.images[0], np.repeat(noise(8, 6, 1)[..., None], 3, -1))


def test_validation_is_the_test_set_where_there_is_no_test(make, monkeypatch):
    train, validation, test = [encode(noise(8, 6))] * 2, [encode(noise(6, 8))] * 3, [encode(noise(8, 8))] * 4
    assert len(make({"train": train, "validation": validation}).test.labels) == 3
    monkeypatch.setattr(Made, "VERSION", tfds.core.Version("1.0.1"))
    assert len(make({"train": train, "validation": validation, "test": test}).test.labels) == 4


def test_a_test_set_whose_classes_are_secret_is_none(make, monkeypatch):
    """TFDS gives the class -1 then, as in ImageNet."""
    train, validation, test = [encode(noise(8, 6))] * 2, [encode(noise(6, 8))] * 3, [encode(noise(8, 8))] * 4
    monkeypatch.setattr(Made, "secret", "test")
    assert make({"train": train, "validation": validation, "test": test}).test.labels.sum() == 1
    monkeypatch.setattr(Made, "VERSION", tfds.core.Version("1.0.1"))
    with pytest.raises(ValueError, match=r"classes are known. Received: source='made', test"):
        make({"train": train, "test": test})


@pytest.mark.parametrize("splits", [("train",), ("test", "validation"), ("train", "unsupervised")])
def test_missing_splits_are_an_error_that_says_which_there_are(splits, make):
    images = [encode(noise(8, 6))] * 2
    with pytest.raises(
        ValueError, match=r"split 'train', and 'test' or 'validation'. Received: source='made'"
    ) as error:
        make(dict.fromkeys(splits, images))
    assert all(repr(split) in str(error.value) for split in splits)


def test_an_image_that_cannot_be_read_is_named(make):
    good = encode(noise(64, 64))
    with pytest.raises(ValueError, match=r"Image \d of 'test' of 'made' cannot be read: .*truncated.*\n.*1 of 3 files"):
        make({"train": [good] * 2, "test": [good, good[: len(good) // 2], good]}, image_size=(32, 32))


@pytest.mark.parametrize("keys", [None, ("label", "image"), ("image", "image")])
def test_data_without_images_and_classes_are_an_error(keys, make):
    images = [encode(noise(8, 6))] * 2
    with pytest.raises(
        ValueError, match=r"must be a data set of images, .* with one class each\. Received: source='made'"
    ):
        make({"train": images, "test": images}, keys=keys)
