"""Tests of the warning about bfloat16 on processors that do not have instructions for it."""

import warnings

import keras
import numpy as np
import pytest

from dia_keras import host
from dia_keras.data import Split
from dia_keras.training import Recipe, fit
from dia_keras.training.precision import built_in

WARNING = "does not have instructions for bfloat16"
WITHOUT = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu sse4_2 avx2 fma\n\nprocessor\t: 1\n"


@pytest.fixture
def cpuinfo(tmp_path, monkeypatch):
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(host, "CPUINFO", path)
    monkeypatch.setattr(host, "_accelerator", lambda: None)
    return path


@pytest.mark.parametrize(
    ("text", "is_lacking"),
    [
        (WITHOUT, True),
        ("flags\t\t: fpu avx2 avx512f avx512_bf16\n", False),
        ("flags\t\t: fpu avx2 avx_ne_convert\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd\n", True),
        ("processor\t: 0\n", False),  # of other processors, Linux does not say
        (None, False),  # nor do other systems
    ],
)
def test_instructions_for_bfloat16_are_those_that_linux_lists(cpuinfo, text, is_lacking):
    if text is not None:
        cpuinfo.write_text(text)
    assert host.lacks_bfloat16() is is_lacking


def test_on_an_accelerator_the_processor_does_not_matter(cpuinfo, monkeypatch):
    cpuinfo.write_text(WITHOUT)
    monkeypatch.setattr(host, "_accelerator", lambda: "NVIDIA H100")
    assert not host.lacks_bfloat16()


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "float32"])
def test_a_training_warns_of_slow_bfloat16_where_it_is_slow(cpuinfo, tmp_path, precision):
    cpuinfo.write_text(WITHOUT)
    with built_in(precision):
        model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    recipe = Recipe("dia_resnet20_cifar10", epochs=1, batch_size=8, precision=precision)
    train = Split(np.zeros((8, 4, 4, 3), np.uint8), np.arange(8) % 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(model, recipe, train, tmp_path, num_classes=2, run_eagerly=keras.backend.backend() != "jax")
    is_slow = precision == "mixed_bfloat16" and keras.backend.backend() != "jax"
    assert any(WARNING in str(each.message) for each in caught) is is_slow
