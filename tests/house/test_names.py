"""One name for one thing: a package's function never hides the module of the same name."""

import importlib
import pathlib
import types

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "dia_keras.analysis",
        "dia_keras.cli",
        "dia_keras.data",
        "dia_keras.interop",
        "dia_keras.reproduction",
        "dia_keras.zoo",
    ],
)
def test_no_function_shadows_its_module(name):
    package = importlib.import_module(name)
    modules = [path.stem for path in pathlib.Path(package.__file__).parent.glob("*.py") if path.stem != "__init__"]
    assert modules
    for stem in modules:
        importlib.import_module(f"{name}.{stem}")
        assert isinstance(getattr(package, stem), types.ModuleType), f"{name}.{stem}"
