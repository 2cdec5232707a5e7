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
from dia_keras.training.runs.epochs_that_fit import (
    EpochClock,
    Speed,
    epochs_in,
    measure_speed,
    recipe_that_fits,
    with_epochs,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (16, 8, 8, 3), np.uint8)
SPLIT = Split(IMAGES, np.arange(16) % 2)
NONE = Split(IMAGES[:0], np.arange(0))


def model(phase=None, activation=None):
    size = (phase and phase.image_size) or 8
    pooled = [keras.Input((size, size, 3)), keras.layers.GlobalAveragePooling2D()]
    return keras.Sequential([*pooled, keras.layers.Dense(2, activation=activation)])


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
    assert recipe_that_fits(recipe, model, [], SPLIT, held_out, 2, 1e6) == recipe
    with pytest.raises(ValueError, match=r"`minutes` must leave time for an epoch: .* Received: 0 minutes"):
        recipe_that_fits(recipe, model, [], SPLIT, held_out, 2, 0.0)
    monkeypatch.setattr(epochs_that_fit, "measure_speed", lambda *arguments, image_size: Speed(10.0, 1.0))
    short = recipe_that_fits(recipe, model, [], SPLIT, held_out, 2, 15.0)
    assert (short.epochs, short.milestones) == (1, (1,))
    assert "1 of the recipe's 7 epochs fit into 0.25 minutes." in capsys.readouterr().out
    in_phases = Recipe("x", 7, phases=(Phase(6, image_size=4), Phase(1)))
    with pytest.raises(ValueError, match=r"2 epochs, one a phase: 23 s, of which compiling takes 2\. Received"):
        recipe_that_fits(in_phases, model, [], SPLIT, held_out, 2, 15.0)


def test_epochs_fit_into_what_compiling_leaves():
    speeds = [Speed(per_epoch=10.0, compiling=30.0)]
    assert epochs_in(30 + 5 * 10.5 + 1, Recipe("x", 100), speeds) == 5
    assert epochs_in(20, Recipe("x", 100), speeds) == 0


def test_every_phase_has_its_own_speed(monkeypatch):
    measured = []

    def measure_speed(recipe, network, *others, image_size):
        assert network.input_shape[1] == (image_size or 8)
        measured.append(image_size)
        return Speed(per_epoch=image_size or 10.0, compiling=20.0)

    monkeypatch.setattr(epochs_that_fit, "measure_speed", measure_speed)
    recipe = Recipe("x", 80, phases=(Phase(40, image_size=4), Phase(20, depth=8, image_size=4), Phase(20)))
    time_for_40 = 3 * 20 + 1.05 * (20 * 4 + 10 * 4 + 10 * 10)
    assert recipe_that_fits(recipe, model, [], SPLIT, NONE, 2, time_for_40 + 1).epochs == 40
    assert measured == [4, 4, None]
    twice = recipe.replace(phases=(Phase(40, image_size=4), Phase(20, image_size=4), Phase(20)))
    recipe_that_fits(twice, model, [], SPLIT, NONE, 2, 1e6)
    assert measured[3:] == [4, None], "what is the same is measured once"


@pytest.mark.parametrize("has_teachers", [False, True])
def test_a_phase_is_measured_on_images_of_its_size(has_teachers):
    teachers = [model(activation="softmax")] if has_teachers else []
    recipe = Recipe("x", 8, batch_size=8, phases=(Phase(6, image_size=4), Phase(2)), teachers=("t",) * has_teachers)
    assert recipe_that_fits(recipe, model, teachers, SPLIT, SPLIT, 2, 1e6) == recipe


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
    assert recipe_that_fits(Recipe("x", 10_000, batch_size=8), model, [], SPLIT, NONE, 2, 60.0).epochs <= 57


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
