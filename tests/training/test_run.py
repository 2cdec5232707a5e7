"""Tests of whole runs: what a folder holds after training, on every backend."""

import csv
import json
import os
import pathlib
import signal
import sys

import keras
import numpy as np
import pytest

from dia_keras import data, zoo
from dia_keras.training import Recipe, load_recipe, train
from dia_keras.training.fitting import training_images
from dia_keras.training.recipe_file import smoke
from dia_keras.training.runs import run
from dia_keras.training.runs.curves import plot_curves
from dia_keras.training.runs.interruption import Interrupted
from dia_keras.training.runs.log import Clocks, RunRecord
from dia_keras.training.runs.run_folder import locked_folder
from dia_keras.zoo.weights_file import load_weights

RECIPES = sorted((pathlib.Path(__file__).parents[2] / "zoo" / "recipes").glob("*.py"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Data with the classes of CIFAR-10, as an npz file."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    images, labels = rng.integers(0, 256, (40, 32, 32, 3), np.uint8), np.arange(40) % 10
    names = np.array(zoo.card("dia_resnet20_cifar10").labels)
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=names)
    return path


def test_a_smoke_run_leaves_log_record_curves_and_weights(source, tmp_path):
    recipe = load_recipe(RECIPES[0], entry="dia_resnet20_cifar10")
    weights = train(recipe, tmp_path, source=source, is_smoke=True)
    assert weights == tmp_path / "final.weights.h5"
    zoo.load("dia_resnet20_cifar10", weights=weights)
    with (tmp_path / "log.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["backend"] == keras.backend.backend() and record["device"] and record["minutes"] > 0
    assert (tmp_path / "curves.png").stat().st_size > 1000
    with np.load(source) as arrays:
        other = {**arrays, "x_train": arrays["x_train"][::-1]}
    np.savez(tmp_path / "other.npz", **other)
    with pytest.raises(ValueError, match="`source` must hold the training data with which the run began"):
        train(recipe, tmp_path, source=tmp_path / "other.npz", is_smoke=True)
    with locked_folder(tmp_path), pytest.raises(ValueError, match="another process trains there"):
        train(recipe, tmp_path, source=source, is_smoke=True)


def test_a_failed_start_leaves_nothing(source, tmp_path):
    with pytest.raises(ValueError, match="`batch_size` must be at most the number of training images"):
        train(Recipe("dia_resnet20_cifar10", 1), tmp_path / "run", source=source)
    assert list(tmp_path.iterdir()) == []


def test_minutes_that_are_none_are_an_error_at_once(tmp_path):
    with pytest.raises(ValueError, match="`minutes` must be positive and finite"):
        train(Recipe("dia_resnet20_cifar10", 1), tmp_path / "run", source="nowhere", minutes=float("nan"))


def test_a_run_that_ends_with_a_weight_beyond_float16_leaves_float32(source, tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer=lambda *_, **__: [[1e5]])])
    monkeypatch.setattr(run, "fit", lambda *arguments, **options: model)
    monkeypatch.setattr(run, "plot_curves", lambda *arguments, **options: None)
    with pytest.warns(UserWarning, match=r"final.weights.h5 has the weights as they were trained, not in float16"):
        weights = train(Recipe("dia_resnet20_cifar10", 1, 8), tmp_path, source=source)
    kernel = model.layers[0].kernel
    kernel.assign([[0.0]])
    load_weights(model, weights)
    assert keras.ops.convert_to_numpy(kernel) == 1e5


def test_a_signal_ends_the_run_and_says_how_to_go_on(source, tmp_path, monkeypatch):
    def fit(*arguments, budget, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        (tmp_path / "epoch_0_step_5.weights.h5").touch()
        assert budget.stopped

    monkeypatch.setattr(run, "fit", fit)
    with pytest.raises(Interrupted, match=r"same command again to go on from .*epoch_0_step_5.weights.h5") as stop:
        train(Recipe("dia_resnet20_cifar10", 1, 8), tmp_path, source=source)
    assert stop.value.code == 128 + signal.SIGTERM


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_smoke_takes_two_steps_of_any_recipe(path):
    recipe = load_recipe(path)
    short = smoke(recipe)
    assert short.epochs == (len(recipe.phases) or 2) and short.images == short.batch_size
    kept = {"entry", "learning_rate", "schedule", "weight_decay", "nesterov", "label_smoothing", "precision", "ema"}
    assert all(getattr(short, field) == getattr(recipe, field) for field in kept)


def test_curves_that_cannot_be_drawn_do_not_stop_a_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    plot_curves(tmp_path / "log.csv", tmp_path / "curves.png", "x")
    assert capsys.readouterr().out == "curves.png is not drawn: matplotlib is not installed\n"


@pytest.mark.parametrize("images", [0, 4, 12, 50])
def test_fewer_images_are_of_all_classes(images):
    """Images from folders are in the order of their classes."""
    split = data.Split(np.arange(12), np.repeat(np.arange(4), 3))
    chosen = training_images(Recipe("x", 1, images=images), split)
    assert len(chosen.labels) == len(chosen.images) == min(images or 12, 12)
    assert set(chosen.labels.tolist()) == {0, 1, 2, 3}
    np.testing.assert_array_equal(split.labels[chosen.images], chosen.labels)


def test_a_dropout_that_the_backbone_does_not_have_is_an_error_before_the_data_are_read(tmp_path):
    recipe = Recipe("dia_resnet20_cifar10", 1, dropout=0.1)
    with pytest.raises(ValueError, match=r"`dropout` is for networks whose backbone has one: wrn. Received: dropout=0"):
        train(recipe, tmp_path / "run", source=tmp_path / "none.npz")


def test_processors_are_timed_from_the_start_of_the_run(tmp_path):
    """And not from that of the process."""
    spent = Clocks.now().processor
    assert spent > 0.5
    record = RunRecord(tmp_path / "run.json", Clocks.now())
    record.write()
    assert json.loads((tmp_path / "run.json").read_text())["processor_minutes"] < spent / 60 / 2
