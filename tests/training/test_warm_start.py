"""Tests of warm starts: which weights a training begins from, and that it goes on only with the same."""

import json

import keras
import numpy as np
import pytest

from dia_keras import zoo
from dia_keras.training import Phase, Recipe, train
from dia_keras.training.runs.run import prepare
from dia_keras.training.runs.run_folder import check_same_weights
from dia_keras.training.warm_start import start_warm
from dia_keras.zoo.loading import build

RNG = np.random.default_rng(0)


@pytest.fixture
def source(tmp_path):
    images, labels = RNG.integers(0, 256, (16, 32, 32, 3), np.uint8), np.arange(16) % 10
    names = np.array(zoo.card("dia_resnet20_cifar10").labels)
    np.savez(tmp_path / "tiny.npz", x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=names)
    return tmp_path / "tiny.npz"


@pytest.mark.parametrize("size", [16, 32])
def test_a_phase_of_any_image_size_starts_from_the_weights(source, size):
    recipe = Recipe("dia_resnet20_cifar10", 1, initial_weights="dia_resnet20_cifar10", precision="mixed_bfloat16")
    model = prepare(recipe, source, None).build(Phase(1, image_size=size))
    assert model.input_shape == (None, size, size, 3)
    assert model.get_layer("stem_conv").compute_dtype == "bfloat16"
    shipped = zoo.load("dia_resnet20_cifar10")
    for mine, theirs in zip(model.weights, shipped.weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(theirs))


def test_another_number_of_classes_gets_a_new_classifier():
    model = build("dia_resnet20_cifar10", (32, 32, 3))
    start_warm(model, Recipe("dia_resnet20_cifar10", 1, initial_weights="dia_resnet20_cifar100"))
    assert model.output_shape == (None, 10)
    shipped = zoo.load("dia_resnet20_cifar100")
    for mine, theirs in zip(model.weights[:-2], shipped.weights[:-2], strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(theirs))
    kernel = keras.ops.convert_to_numpy(model.get_layer("classifier").kernel)
    assert 0 < np.abs(kernel).max() < 1


def test_a_file_of_the_entry_itself_is_a_start_too(tmp_path):
    keras.utils.set_random_seed(1)
    other = zoo.load("dia_resnet20_cifar10", weights=None)
    zoo.save_weights(other, tmp_path / "other.safetensors")
    model = build("dia_resnet20_cifar10", (32, 32, 3))
    start_warm(model, Recipe("dia_resnet20_cifar10", 1, initial_weights=str(tmp_path / "other.safetensors")))
    kernels = [keras.ops.convert_to_numpy(each.get_layer("stem_conv").kernel) for each in (model, other)]
    np.testing.assert_allclose(*kernels, rtol=1e-3, atol=1e-6)  # the file has float16


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet20_cifar10", r"must be of the architecture of dia_resnet20_cifar10, resnet\(.*'dia_lstm'.*resnet20"),
        ("dia_resnet56_cifar10", r"must be of the architecture of .* Received: 'dia_resnet56_cifar10', of resnet\("),
        ("missing.weights.h5", "an existing .weights.h5 file. Received: weights='missing.weights.h5'"),
    ],
)
def test_unfit_weights_are_an_error(name, message):
    model = build("dia_resnet20_cifar10", (32, 32, 3))
    with pytest.raises(ValueError, match=message):
        start_warm(model, Recipe("dia_resnet20_cifar10", 1, initial_weights=name))


def test_an_average_with_the_first_weights_has_their_classes():
    recipe = Recipe("dia_resnet20_cifar10", 1, initial_weights="dia_resnet20_cifar100", initial_share=0.5)
    with pytest.raises(ValueError, match="`initial_share` needs `initial_weights` of the classes of dia_resnet20_cif"):
        start_warm(build("dia_resnet20_cifar10", (32, 32, 3)), recipe)
    with pytest.raises(ValueError, match=r"`initial_share` needs `initial_weights`\. Received: initial_share=0\.5, wi"):
        recipe.replace(initial_weights=None)


def test_phases_have_the_depth_of_the_weights():
    phases = (Phase(1, depth=14), Phase(1))
    with pytest.raises(ValueError, match="`initial_weights` are of the entry's own depth"):
        Recipe("dia_resnet20_cifar10", 2, phases=phases, initial_weights="dia_resnet20_cifar10")


@pytest.mark.torch
def test_a_run_records_what_it_started_from_and_goes_on(source, tmp_path):
    recipe = Recipe("dia_resnet20_cifar10", 2, warmup=0.0, initial_weights="dia_resnet20_cifar100")
    train(recipe, tmp_path / "run", source=source, is_smoke=True)
    (sha256,) = json.loads((tmp_path / "run" / "initial_weights.json").read_text()).values()
    assert sha256 == zoo.card("dia_resnet20_cifar100").weights.sha256
    log = (tmp_path / "run" / "log.csv").read_text()
    assert train(recipe, tmp_path / "run", source=source, is_smoke=True) == tmp_path / "run" / "final.weights.h5"
    assert (tmp_path / "run" / "log.csv").read_text() == log
    train(recipe.replace(initial_weights=None), tmp_path / "cold", source=source, is_smoke=True)
    assert (tmp_path / "cold" / "log.csv").read_text() != log
    assert not (tmp_path / "cold" / "initial_weights.json").exists()


@pytest.mark.parametrize("name", ["se_resnet20_cifar100", "missing.weights.h5"])
def test_a_training_from_weights_that_are_not_there_is_one_error_and_leaves_nothing(source, tmp_path, name):
    recipe = Recipe("dia_resnet20_cifar10", 2, warmup=0.0, initial_weights=name)
    with pytest.raises(ValueError, match=f"`initial_weights` must name .* Received: '{name}'"):
        train(recipe, tmp_path / "run", source=source, is_smoke=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("argument", ["teachers", "initial_weights"])
def test_a_run_goes_on_only_with_the_weights_that_it_began_with(tmp_path, argument):
    path, record = tmp_path / "other.weights.h5", tmp_path / "record.json"
    names = [str(path), "dia_resnet20_cifar10"]
    path.write_bytes(b"one")
    check_same_weights(argument, names, record)
    assert json.loads(record.read_text())["dia_resnet20_cifar10"] == zoo.card("dia_resnet20_cifar10").weights.sha256
    check_same_weights(argument, names, record)
    path.write_bytes(b"other")
    with pytest.raises(
        ValueError, match=rf"`{argument}` must have the weights with which the run began.*other.weights"
    ):
        check_same_weights(argument, names, record)


def test_without_weights_from_elsewhere_nothing_is_recorded(tmp_path):
    check_same_weights("teachers", (), tmp_path / "teachers.json")
    assert not list(tmp_path.iterdir())
