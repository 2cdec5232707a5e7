"""Tests of fitting the number of epochs to a time."""

import contextlib
import time

import keras
import numpy as np
import pytest

from dia_keras.data import Split
from dia_keras.training import Phase, Recipe
from dia_keras.training.augmentation.batches import Batches
from dia_keras.training.runs import epochs_that_fit
from dia_keras.training.runs.epochs_that_fit import EpochClock, Speed, fitted, measure_speed, with_epochs

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (16, 8, 8, 3), np.uint8)
SPLIT = Split(IMAGES, np.arange(16) % 2)
NONE = Split(IMAGES[:0], np.arange(0))


def model():
    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    """Nothing is compiled. Gives the numbers of steps that would have been compiled for."""
    steps = []

    def compiled_step(model, number, test_number):
        steps.append((number, test_number))
        return contextlib.nullcontext()

    monkeypatch.setattr(epochs_that_fit, "compiled_step", compiled_step)
    return steps


class Slow(keras.callbacks.Callback):
    def __init__(self, in_epoch, in_evaluation, after_epoch):
        super().__init__()
        self.times = in_epoch, in_evaluation, after_epoch

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.times[0])

    def on_test_end(self, logs=None):
        time.sleep(self.times[1])

    def on_epoch_end(self, epoch, logs=None):
        time.sleep(self.times[2])


def test_the_clock_tells_steps_from_what_comes_after_them():
    network, clock = model(), EpochClock()
    network.compile("sgd", "mse")
    x, y = IMAGES.astype("float32"), np.zeros((16, 2), "float32")
    slow = Slow(in_epoch=0.1, in_evaluation=0.2, after_epoch=0.3)
    network.fit(x, y, batch_size=8, epochs=2, validation_data=(x, y), verbose=0, callbacks=[clock, slow])
    assert len(clock.steps) == len(clock.seconds) == 2
    assert all(steps >= 0.2 for steps in clock.steps)
    assert all(whole >= steps + 0.5 for steps, whole in zip(clock.steps, clock.seconds, strict=True))


@pytest.mark.parametrize("held_out", [NONE, SPLIT], ids=["all", "held out"])
def test_no_more_epochs_than_the_recipe_has_and_an_error_where_none_fits(held_out, monkeypatch, capsys):
    recipe = Recipe("x", 7, batch_size=8, schedule="steps", milestones=(3, 5))
    assert fitted(recipe, model(), [], SPLIT, held_out, 2, 1e6) == recipe
    with pytest.raises(ValueError, match=r"`minutes` must leave time for an epoch, of .* Received: 0 minutes"):
        fitted(recipe, model(), [], SPLIT, held_out, 2, 0.0)
    monkeypatch.setattr(epochs_that_fit, "measure_speed", lambda *arguments: Speed(10.0, 1.0))
    short = fitted(recipe, model(), [], SPLIT, held_out, 2, 15.0)
    assert (short.epochs, short.milestones) == (1, (1,))
    assert "1 of the recipe's 7 epochs fit into 0.25 minutes." in capsys.readouterr().out
    in_phases = Recipe("x", 7, phases=(Phase(6, image_size=4), Phase(1)))
    with pytest.raises(ValueError, match=r"time for 2 epochs, one a phase, of 10 s, and for compiling, 1 s"):
        fitted(in_phases, model(), [], SPLIT, held_out, 2, 15.0)


def test_epochs_fit_into_what_compiling_leaves():
    assert Speed(per_epoch=10.0, compiling=30.0).epochs_in(30 + 5 * 10.5 + 1) == 5
    assert Speed(per_epoch=10.0, compiling=30.0).epochs_in(20) == 0


@pytest.mark.parametrize(("epochs", "expected"), [(99, (6, 3, 1)), (10, (6, 3, 1)), (5, (3, 1, 1)), (0, (1, 1, 1))])
def test_phases_keep_their_parts_of_the_epochs(epochs, expected):
    recipe = Recipe("x", 10, phases=(Phase(6, image_size=16), Phase(3, depth=20), Phase(1)))
    short = with_epochs(recipe, epochs)
    assert tuple(phase.epochs for phase in short.phases) == expected and short.epochs == sum(expected)
    assert with_epochs(recipe, short.epochs) == short


def test_checkpoints_count(monkeypatch):
    class SlowCheckpoint(Slow):
        def __init__(self, directory, seed):
            super().__init__(0, 0, after_epoch=1.0)

    monkeypatch.setattr(epochs_that_fit, "Checkpoint", SlowCheckpoint)
    assert fitted(Recipe("x", 10_000, batch_size=8), model(), [], SPLIT, NONE, 2, 60.0).epochs <= 57


def test_fewer_images_than_a_batch_are_an_error_and_not_an_endless_search_for_one():
    recipe = Recipe("x", 300, batch_size=len(SPLIT.labels) + 1)
    with pytest.raises(ValueError, match="`batch_size` must be at most the number of training images"):
        measure_speed(recipe, model(), [], SPLIT, SPLIT, 2)
    with pytest.raises(ValueError, match="`batch_size` must be at most the number of training images"):
        next(Batches(SPLIT.images, SPLIT.labels, 2, recipe)())


@pytest.mark.parametrize("ema", [None, 0.9])
def test_what_is_measured_trains_as_the_run_will(ema, compiled, monkeypatch):
    """With PyTorch's compiled steps, and with an evaluation of the averaged weights."""
    evaluated = []

    class Averaged(keras.callbacks.Callback):
        def __init__(self, data):
            super().__init__()
            assert next(data())[0].shape == (8, 8, 8, 3)

        def on_test_begin(self, logs=None):
            evaluated.append("averages")

    monkeypatch.setattr(epochs_that_fit, "AveragedWeights", Averaged)
    measure_speed(Recipe("x", 300, batch_size=8, ema=ema), model(), [], SPLIT, SPLIT, 2)
    assert compiled == [(600, 300)] and evaluated == ["averages", "averages"] * (ema is not None)
