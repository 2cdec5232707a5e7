"""A weights file tells the commands its network's entry, classes and images."""

import json

import numpy as np
import pytest

from dia_keras import zoo
from dia_keras.zoo.files.record import Record, record_of, text_of
from dia_keras.zoo.finding import find_network
from dia_keras.zoo.hub.publishing import write_repository

LABELS = [f"mine {number}" for number in range(10)]


def answers(model):
    rng = np.random.default_rng(0)
    return model.predict(rng.integers(0, 256, (2, *model.input_shape[1:]), np.uint8), verbose=0)


@pytest.mark.parametrize("suffix", [".weights.h5", ".safetensors"])
def test_labels_of_ones_own_come_back_and_not_those_of_the_entry(small_zoo, tmp_path, suffix):
    path = tmp_path / f"mine{suffix}"
    zoo.save_weights(small_zoo.model, path, labels=LABELS)
    network = find_network(path)
    assert network.labels == network.card.labels == tuple(LABELS)
    assert network.data is None  # the images of the entry's data set are not its own
    np.testing.assert_array_equal(answers(network.load()), answers(small_zoo.model))


@pytest.mark.parametrize("suffix", [".weights.h5", ".safetensors"])
def test_another_number_of_classes_and_another_size_load_as_they_were_saved(small_zoo, tmp_path, suffix):
    path = tmp_path / f"mine{suffix}"
    model = zoo.load("tiny_cifar10", num_classes=3, input_shape=(16, 24, 1))
    zoo.save_weights(model, path, dtype="float32", labels=LABELS[:3])
    network = find_network(path)
    assert (network.labels, network.image_size, network.channels) == (tuple(LABELS[:3]), (16, 24), 1)
    assert len(network.card.dataset.mean) == 1
    np.testing.assert_array_equal(answers(network.load()), answers(model))
    assert network.load(num_classes=5, input_shape=(8, 8, 1)).output_shape == (None, 5)


def test_another_number_of_classes_without_labels_is_numbered(small_zoo, tmp_path):
    zoo.save_weights(zoo.load("tiny_cifar10", num_classes=3), tmp_path / "three.safetensors")
    network = find_network(tmp_path / "three.safetensors")
    assert network.labels is None and network.load().output_shape == (None, 3)
    assert network.card.labels == ("0", "1", "2")


def test_a_repository_of_a_weights_file_has_its_labels(small_zoo, tmp_path):
    model = zoo.load("tiny_cifar10", num_classes=3, input_shape=(16, 24, 3))
    zoo.save_weights(model, tmp_path / "mine.safetensors", dtype="float32", labels=LABELS[:3])
    write_repository(tmp_path / "mine.safetensors", tmp_path / "repository")
    card = zoo.card(tmp_path / "repository")
    assert (card.labels, card.dataset.image_size, card.metrics) == (tuple(LABELS[:3]), (16, 24), None)
    np.testing.assert_array_equal(answers(zoo.load(tmp_path / "repository")), answers(model))


@pytest.mark.parametrize("labels", [LABELS[:9], [*LABELS[:9], LABELS[0]], "0123456789", [*LABELS[:9], 9]])
def test_labels_that_do_not_name_the_classes_are_an_error(small_zoo, tmp_path, labels):
    with pytest.raises(ValueError, match=r"`labels` must be a list or tuple of different strings, one for each class"):
        zoo.save_weights(small_zoo.model, tmp_path / "mine.safetensors", labels=labels)
    assert not list(tmp_path.glob("mine*"))


@pytest.mark.parametrize(
    "changes", [{"labels": LABELS[:9]}, {"labels": "0123456789"}, {"classes": 0}, {"image_size": 32}]
)
def test_a_record_that_contradicts_itself_is_none(changes):
    sound = json.loads(text_of(Record("tiny_cifar10", 10, tuple(LABELS), (32, 32), 3), {}))
    assert record_of(json.dumps(sound)) == Record("tiny_cifar10", 10, tuple(LABELS), (32, 32), 3)
    assert record_of(json.dumps(sound | changes)) is None


def test_labels_longer_than_a_file_can_hold_are_an_error(small_zoo, tmp_path):
    labels = [f"{number}" * 7_000 for number in range(10)]
    with pytest.raises(ValueError, match=r"`labels` must be shorter: with them, the file's record has \d+ of 65536"):
        zoo.save_weights(small_zoo.model, tmp_path / "mine.weights.h5", labels=labels)
    longest = [f"{number}" * 6_500 for number in range(10)]
    zoo.save_weights(small_zoo.model, tmp_path / "mine.weights.h5", labels=longest)
    assert find_network(tmp_path / "mine.weights.h5").labels == tuple(longest)


def test_what_a_file_without_such_a_record_does_not_say_is_the_entry_s(small_zoo, tmp_path, monkeypatch):
    monkeypatch.setattr("dia_keras.zoo.weights_file._record_of", lambda model, labels: Record(model.name))
    zoo.save_weights(small_zoo.model, tmp_path / "older.safetensors")
    network = find_network(tmp_path / "older.safetensors")
    assert (network.labels, network.image_size) == (zoo.card("tiny_cifar10").labels, (32, 32))
    np.testing.assert_array_equal(answers(network.load()), answers(small_zoo.model))
