"""Data of the smallest size."""

import numpy as np
import pytest

from dia_keras.reproduction.data_sets import Sources


@pytest.fixture(scope="session")
def noise(tmp_path_factory):
    """Path of images of noise, 8x8, of the two classes of the X-rays."""
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    x, y = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), np.uint8), np.arange(10) % 2
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y, class_names=np.array(["NORMAL", "PNEUMONIA"]))
    return path


@pytest.fixture(scope="session")
def sources(noise):
    """The noise in place of every data set."""
    return Sources({"": str(noise)})
