"""Tests of networks that a user names by a path."""

import os

import keras
import pytest

from dia_keras.zoo.finding import find_network


def test_a_network_of_one_output_is_no_classifier_of_images(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    model.save(tmp_path / "one.keras")
    with pytest.raises(ValueError, match=r"two classes or more, .* Received: .*one.keras, from .* to \[\(None, 1\)\]"):
        find_network(tmp_path / "one.keras")


@pytest.mark.parametrize("file", ["card.json", "recipe.json"])
def test_an_entry_and_a_run_of_one_name_are_told_apart(tmp_path, monkeypatch, file):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "dia_resnet20_cifar10"
    folder.mkdir()
    assert find_network("dia_resnet20_cifar10").data == "cifar10"
    (folder / file).write_text("{}")
    with pytest.raises(ValueError, match=r"Write \./ before the name for the folder"):
        find_network("dia_resnet20_cifar10")
    with pytest.raises(ValueError, match=r"must tell labels|must be the folder of a complete run"):
        find_network("./dia_resnet20_cifar10")


def test_a_pipe_is_no_network(tmp_path):
    for name in ("pipe.keras", "pipe.weights.h5"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(ValueError, match=rf"Received: .*{name}, which is not a file"):
            find_network(tmp_path / name)
