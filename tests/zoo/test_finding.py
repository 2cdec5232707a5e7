"""Tests of networks that a user names by a path."""

import hashlib
import itertools
import json
import os

import keras
import numpy as np
import pytest
from PIL import Image

from dia_keras import zoo
from dia_keras.training.evaluation import evaluate_entry
from dia_keras.zoo.finding import find_network
from dia_keras.zoo.network_data import load_data_of


def test_a_network_of_one_output_is_no_classifier_of_images(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    model.save(tmp_path / "one.keras")
    with pytest.raises(ValueError, match=r"two classes or more, .* Received: .*one.keras, from .* to \[\(None, 1\)\]"):
        find_network(tmp_path / "one.keras")


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """A model that is no graph of layers, as detectors are."""

    def __init__(self, **options):
        super().__init__(**options)
        self.head = keras.layers.Dense(2)

    def call(self, images):
        return self.head(keras.ops.mean(images, (1, 2)))


def test_a_model_of_a_class_of_its_own_is_told_by_its_class(tmp_path):
    model = Subclassed()
    model(np.zeros((1, 8, 8, 3)))
    model.save(tmp_path / "own.keras")
    with pytest.raises(
        ValueError, match=r"must hold a network of images and classes\. .*own\.keras, with a Subclassed"
    ):
        find_network(tmp_path / "own.keras")


@pytest.mark.parametrize("file", ["card.json", "recipe.json", "config.json"])
def test_an_entry_and_a_run_of_one_name_are_told_apart(tmp_path, monkeypatch, file):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "dia_resnet20_cifar10"
    folder.mkdir()
    assert find_network("dia_resnet20_cifar10").data == "cifar10"
    (folder / file).write_text("{}")
    with pytest.raises(ValueError, match=r"Write \./ before the name for the folder"):
        find_network("dia_resnet20_cifar10")
    with pytest.raises(ValueError, match=r"must have labels|must be the folder of a complete run|config.json must"):
        find_network("./dia_resnet20_cifar10")


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", None])
def test_a_weights_file_keeps_its_labels_and_its_activation_whether_it_is_named_or_given(tmp_path, activation):
    entry, path = "dia_resnet20_cifar10", tmp_path / "own.weights.h5"
    model = zoo.load(entry, None, classifier_activation=activation)
    labels = tuple(zoo.card(entry).labels[::-1])
    zoo.save_weights(model, path, "float32", labels=labels)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    expected = model.predict(images, verbose=0)
    for network in (find_network(path), find_network(entry, path)):
        assert network.labels == labels
        np.testing.assert_allclose(network.load().predict(images, verbose=0), expected, rtol=1e-4, atol=1e-5)


def after(model, *layers):
    """Returns a network with more layers after its answers, of the same name."""
    x = model.output
    for layer in layers:
        x = layer(x)
    return keras.Model(model.input, x, name=model.name)


def test_an_activation_after_the_classifier_is_kept_and_other_endings_are_named(tmp_path):
    entry, path = "dia_resnet20_cifar10", tmp_path / "own.safetensors"
    logits = zoo.load(entry, None, classifier_activation=None)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    model = after(logits, keras.layers.Activation("sigmoid"))
    zoo.save_weights(model, path, "float32")
    expected = model.predict(images, verbose=0)
    for loaded in (zoo.load(entry, path), find_network(path).load()):
        np.testing.assert_allclose(loaded.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-5)
    for asked in (zoo.load(entry, path, classifier_activation="softmax"), find_network(path).load(num_classes=3)):
        assert asked.get_layer("classifier").activation is keras.activations.softmax
    for other in (
        zoo.load(entry, None, classifier_activation="tanh"),
        after(logits, keras.layers.Rescaling(0.5), keras.layers.Softmax()),
        after(zoo.load(entry, None, classifier_activation="sigmoid"), keras.layers.Softmax()),
    ):
        zoo.save_weights(other, path, "float32")
        for load in (find_network(path).load, lambda: zoo.load(entry, path)):
            with pytest.raises(ValueError, match="`classifier_activation` must be given for these weights"):
                load()
        assert zoo.load(entry, path, classifier_activation=None).output_shape == (None, 10)


def test_a_pipe_is_no_network(tmp_path):
    for name in ("pipe.keras", "pipe.weights.h5"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(ValueError, match=rf"Received: .*{name}, which is not a file"):
            find_network(tmp_path / name)


def test_a_network_of_a_run_that_is_replaced_after_it_was_verified_is_not_loaded(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    path = tmp_path / "model.keras"
    model.save(path)
    card = {"labels": ["a", "b"], "image_size": [8, 8], "channels": 3, "resize": "crop"}
    (tmp_path / "card.json").write_text(json.dumps({**card, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))
    found = find_network(tmp_path)
    for loaded, saved in zip(found.load().get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, saved)
    model.layers[-1].bias.assign([1.0, 2.0])
    model.save(path)
    with pytest.raises(ValueError, match=r"must have the SHA-256 of its card.*model\.keras"):
        found.load()


@pytest.mark.parametrize("changes", [{}, {"architecture": "resnet"}, {"test": []}, {"normalization": {"mean": [0.5]}}])
def test_a_card_of_a_run_without_its_figures_is_one_error(tmp_path, changes):
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    model.save(tmp_path / "model.keras")
    card = {
        "labels": ["a", "b"],
        "image_size": [8, 8],
        "channels": 3,
        "resize": "crop",
        "entry": "dia_resnet20_cifar10",
    }
    sha256 = hashlib.sha256((tmp_path / "model.keras").read_bytes()).hexdigest()
    figures = {"test": {"accuracy": 1.0, "balanced_accuracy": 1.0, "images": 1}} | changes
    (tmp_path / "card.json").write_text(json.dumps({**card, "sha256": sha256, **figures}))
    with pytest.raises(
        ValueError, match=r"card.json and report.json of a run must be as the run wrote them. Received: "
    ):
        find_network(tmp_path)


def test_imagenet_is_no_data_set_that_tfds_has_under_this_name():
    network = find_network("resnet18_imagenet")
    assert network.data is None
    with pytest.raises(ValueError, match="`source` must name the images: resnet18_imagenet has no data set of its own"):
        load_data_of(network)


def test_an_empty_source_is_not_the_entrys_own():
    with pytest.raises(ValueError, match=r"`source` must name a data set, .* Received: source=''"):
        load_data_of(find_network("dia_resnet20_cifar10"), "")


def test_a_file_of_keras_gets_names_for_its_classes(tmp_path):
    """Only with names are the classes of a data set, whatever their order, those of the network."""
    pooled = [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential(pooled)
    model.layers[-1].set_weights([np.array([[1, -1]] * 3), np.array([-300, 300])])  # bright, then dark
    path = tmp_path / "brightness.keras"
    model.save(path)
    for split, folder, value in itertools.product(("train", "test"), ("bright", "dark"), (0, 1)):
        (tmp_path / "data" / split / folder).mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (8, 8), (250 - value if folder == "bright" else value,) * 3)
        image.save(tmp_path / "data" / split / folder / f"{value}.png")
    for labels, accuracy in ((None, 1.0), (["bright", "dark"], 1.0), (["dark", "bright"], 0.0)):
        result = evaluate_entry(path, source=tmp_path / "data", labels=labels)
        assert result.top1 == accuracy and set(result.per_class) == {"bright", "dark"}
    assert find_network(path, labels=["light", "no light"]).labels == ("light", "no light")
    with pytest.raises(ValueError, match=r"`labels` must be 2 different names, .* Received: 2 labels, 1"):
        find_network(path, labels=["a", "a"])
    with pytest.raises(ValueError, match=r"`labels` must be 2 different names, .* Received: 3 labels"):
        find_network(path, labels=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"`labels` are for a network without class names\. .* airplane"):
        find_network("dia_resnet20_cifar10", labels=["a"])
