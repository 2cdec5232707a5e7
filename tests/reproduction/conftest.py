"""Data of the smallest size."""

import numpy as np
import pytest

from dia_keras.reproduction.data_sets import IMAGE_SETS, Sources


@pytest.fixture(scope="session")
def noise(tmp_path_factory):
    """Path of images of noise, 8x8, of the two classes of the X-rays."""
    path = tmp_path_factory.mktemp("data") / "noise.npz"
    x, y = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), np.uint8), np.arange(10) % 2
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y, class_names=np.array(["NORMAL", "PNEUMONIA"]))
    return path


@pytest.fixture(scope="session")
def write_data(tmp_path_factory):
    """Function that writes ten images of zeros, 8x8, with names of classes, and returns the path."""

    def write(class_names):
        path = tmp_path_factory.mktemp("data") / "named.npz"
        x, y = np.zeros((10, 8, 8, 3), np.uint8), np.arange(10) % len(class_names)
        np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y, class_names=np.array(class_names))
        return path

    return write


@pytest.fixture(scope="session")
def cifar(write_data):
    """Images of zeros with the classes of CIFAR-10 and CIFAR-100."""
    return Sources({name: str(write_data(IMAGE_SETS[name].labels)) for name in ("cifar10", "cifar100")})


@pytest.fixture(scope="session")
def sources(noise):
    """The noise in place of every data set."""
    return Sources({"": str(noise)})
