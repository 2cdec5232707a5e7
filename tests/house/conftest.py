"""The scripts in `zoo/tools`, as modules, and data for them."""

import importlib.util
import pathlib
import sys

import numpy as np
import pytest

from dia_keras import zoo

SCRIPTS = pathlib.Path(__file__).parents[2] / "zoo" / "tools"
sys.path.insert(0, str(SCRIPTS))  # as where Python runs one of them


@pytest.fixture
def load_script():
    """Function of a script's name that returns it as a new module, so that a test may change it."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        return script

    return load


@pytest.fixture
def npz(tmp_path):
    """Data of CIFAR-10's form: 20 images of noise."""
    x, y = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8), np.arange(20) % 10
    path = tmp_path / "data.npz"
    names = np.array(zoo.card("resnet20_cifar10").labels)
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y, class_names=names)
    return path
