"""A zoo of small nets."""

import dataclasses
import pathlib
import shutil

import keras
import numpy as np
import pytest
from small_weights import METRICS, randomize

from dia_keras import zoo
from dia_keras.zoo import cards, downloads, entries

ENTRIES = """
license = "Apache-2.0"
papers = { none = "None" }
[backbones.tiny]
function = "resnet"
arguments = { depth = 14, block = "basic" }
recipe = "one_cycle_cpu"
paper = "none"
[attentions]
plain = { attention = "dia_lstm" }
[parameters]
cifar10 = { backbones = ["tiny"], plain = [189_650] }
cifar100 = { backbones = ["tiny"], plain = [195_500] }
"""


@dataclasses.dataclass(frozen=True)
class SmallZoo:
    """Entries `tiny_cifar10`, with weights, and `tiny_cifar100`, without; `model` is what was saved in `file`."""

    cards: pathlib.Path
    cache: pathlib.Path
    file: pathlib.Path
    model: keras.Model


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The model with weights, and a folder with cards and weights, to be copied."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "cards").mkdir()
    (folder / "weights").mkdir()
    (folder / "entries.toml").write_text(ENTRIES)
    file = folder / "weights" / "tiny_cifar10.weights.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cards, "CARDS", folder / "cards")
        patch.setattr(entries, "ENTRIES", folder / "entries.toml")
        model = zoo.load("tiny_cifar10", weights=None)
        randomize(model)
        zoo.save_weights(model, file)
        cards.update_card("tiny_cifar10", weights=file, metrics=METRICS)
    return model, folder


@pytest.fixture
def small_zoo(trained, tmp_path, monkeypatch):
    model, folder = trained
    root = tmp_path / "zoo"
    shutil.copytree(folder, root)
    monkeypatch.setattr(cards, "CARDS", root / "cards")
    monkeypatch.setattr(entries, "ENTRIES", root / "entries.toml")
    monkeypatch.setattr(downloads, "cache", lambda: root / "cache")
    monkeypatch.setenv("DIA_KERAS_WEIGHTS", str(root / "weights"))
    monkeypatch.delenv("DIA_KERAS_URL", raising=False)
    return SmallZoo(root / "cards", root / "cache", root / "weights" / "tiny_cifar10.weights.h5", model)


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
