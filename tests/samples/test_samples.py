"""The sample images are real, named, and documented."""

import numpy as np
import pytest
from PIL import Image

from dia_keras.samples import load_samples, sample_paths
from dia_keras.samples.loading import FOLDER


def test_samples_are_images_with_labels():
    images, labels = load_samples()
    assert images.dtype == np.uint8 and images.shape == (8, 32, 32, 3)
    assert labels == ["apple", "castle", "motorcycle", "sunflower", "tiger", "airplane", "horse", "ship"]
    assert all(image.std() > 20 for image in images)


def test_samples_of_one_dataset():
    images, labels = load_samples("cifar10")
    assert labels == ["airplane", "horse", "ship"] and len(images) == 3
    with pytest.raises(ValueError, match=r"`dataset` must be None, 'cifar10' or 'cifar100'. Received: dataset='mnist'"):
        load_samples("mnist")


def test_every_sample_is_in_the_list_of_sources():
    sources = (FOLDER / "SOURCES.md").read_text()
    assert all(path.name in sources for path in sample_paths())


def test_samples_are_the_pixels_of_their_files():
    for path, image in zip(sample_paths(), load_samples()[0], strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), image)
