"""Tests of training: exact resume, budget, log."""

import csv
import pathlib

import keras
import numpy as np
import pytest

from dia_keras.data import Split
from dia_keras.training import Recipe, fit
from dia_keras.training.budget import WallClockBudget
from dia_keras.training.checkpoint import checkpoints
from dia_keras.units import RecurrentAttention, stacked_dia_lstm

RNG = np.random.default_rng(0)
TRAIN = Split(RNG.integers(0, 256, (72, 16, 16, 3), np.uint8), RNG.integers(0, 10, 72))


def network():
    """A small net with all that has a state: batch norm, a shared unit, dropout here and between stacked cells."""
    keras.utils.set_random_seed(1)
    unit = RecurrentAttention(stacked_dia_lstm(8, cells=2, reduction=2))
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, strides=2)(keras.layers.Rescaling(1 / 255)(inputs))
    x, states = unit(keras.layers.BatchNormalization()(x))
    x, states = unit(keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Dropout(0.3)(x)), states)
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))


class CutAfter(WallClockBudget):
    """Ends the run after an epoch, as a spent budget does."""

    def __init__(self, epochs):
        super().__init__(None)
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            self.stopped = self.model.stop_training = True


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("x", 4, 32, ema=0.9, cutmix=1.0, mixup=0.2, nesterov=True),
        Recipe("x", 4, 32, schedule="steps", milestones=(2,)),
    ],
    ids=["one-cycle, EMA, mixes", "steps"],
)
@pytest.mark.parametrize("cut", [1, 3])
def test_a_cut_run_ends_in_the_weights_of_an_uncut_one(recipe, cut, tmp_path):
    uncut, resumed = tmp_path / "uncut", tmp_path / "resumed"
    uncut.mkdir(), resumed.mkdir()
    expected = network()
    assert fit(expected, recipe, TRAIN, uncut, num_classes=10)
    assert not fit(network(), recipe, TRAIN, resumed, num_classes=10, budget=CutAfter(cut))
    model = network()
    assert fit(model, recipe, TRAIN, resumed, num_classes=10)
    for want, got in zip(expected.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)
    assert (uncut / "log.csv").read_text() == (resumed / "log.csv").read_text()


def test_a_complete_run_gives_its_weights_again(tmp_path):
    recipe = Recipe("x", 1, 32, ema=0.5)
    model, again = network(), network()
    fit(model, recipe, TRAIN, tmp_path, num_classes=10)
    assert fit(again, recipe, TRAIN, tmp_path, num_classes=10)
    for want, got in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_rows_logged_after_the_checkpoint_are_dropped(tmp_path):
    fit(network(), Recipe("x", 3, 32), TRAIN, tmp_path, num_classes=10, budget=CutAfter(1))
    with (tmp_path / "log.csv").open("a") as log:
        log.write("1,0.5,9,NA,NA\n")
    fit(network(), Recipe("x", 3, 32), TRAIN, tmp_path, num_classes=10)
    with (tmp_path / "log.csv").open() as log:
        assert [row["epoch"] for row in csv.DictReader(log)] == ["0", "1", "2"]


def test_a_spent_budget_stops_after_an_epoch_with_a_checkpoint(tmp_path):
    budget = WallClockBudget(0.001)
    assert not fit(network(), Recipe("x", 5, 32), TRAIN, tmp_path, num_classes=10, budget=budget)
    assert [done for done, _ in checkpoints(tmp_path)] == [1]


def test_held_out_images_are_evaluated_every_epoch(tmp_path):
    fit(network(), Recipe("x", 1, 32), TRAIN, tmp_path, num_classes=10, held_out=TRAIN)
    with (tmp_path / "log.csv").open() as log:
        (row,) = csv.DictReader(log)
    assert 0 <= float(row["val_accuracy"]) <= 1


def test_training_lowers_the_loss(tmp_path):
    recipe = Recipe("x", 30, 24, pad=0, flip=False, learning_rate=0.5)
    fit(network(), recipe, TRAIN, tmp_path, num_classes=10)
    with (tmp_path / "log.csv").open() as log:
        losses = [float(row["loss"]) for row in csv.DictReader(log)]
    assert losses[-1] < 0.9 * losses[0]


def test_fewer_images_than_a_batch_is_an_error(tmp_path: pathlib.Path):
    with pytest.raises(ValueError, match=r"`train` must have at least 128 images. Received: 72"):
        fit(network(), Recipe("x", 1), TRAIN, tmp_path, num_classes=10)
