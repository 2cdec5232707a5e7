"""Tests of training: exact resume, budget, signals, losses that are not finite, log."""

import csv
import io
import os
import pathlib
import signal
import sys
import time

import h5py
import keras
import numpy as np
import pytest
from cuts import CutAt

from dia_keras.data import Split
from dia_keras.training import Recipe
from dia_keras.training import fit as fit_by_steps
from dia_keras.training.runs.budget import WallClockBudget
from dia_keras.training.runs.checkpoint import save
from dia_keras.training.runs.checkpoint_files import checkpoints
from dia_keras.training.runs.divergence import Diverged
from dia_keras.training.runs.interruption import stopped_by_signals
from dia_keras.units import RecurrentAttention, stacked_dia_lstm

pytestmark = pytest.mark.usefixtures("programs_compiled_once", "few_batches_for_statistics")
RNG = np.random.default_rng(0)
TRAIN = Split(RNG.integers(0, 256, (72, 8, 8, 3), np.uint8), RNG.integers(0, 10, 72))


def network():
    """A small net with all that has a state: batch norm, a shared unit, dropout here and between stacked cells."""
    keras.utils.set_random_seed(1)
    unit = RecurrentAttention(stacked_dia_lstm(8, cells=2, reduction=2))
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3)(keras.layers.Rescaling(1 / 255)(inputs))
    x, states = unit(keras.layers.BatchNormalization()(x))
    x, states = unit(keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Dropout(0.3)(x)), states)
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))


def plain():
    """A net that is quick to build and to train, where it does not matter what trains."""
    keras.utils.set_random_seed(1)
    layers = [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Rescaling(1 / 255)]
    return keras.Sequential([*layers, keras.layers.Dense(10)])


def fit(model, recipe, folder, train=TRAIN, **options):
    """Trains by steps that nothing compiles, which is sooner for so few, but on JAX."""
    is_eager = keras.backend.backend() != "jax"
    return fit_by_steps(model, recipe, train, folder, num_classes=10, run_eagerly=is_eager, **options)


def rows(folder):
    with (folder / "log.csv").open() as log:
        return list(csv.DictReader(log))


def names(folder):
    return [saved.path.name.removesuffix(".weights.h5") for saved in checkpoints(folder)]


def assert_equal_to_the_bit(model, other):
    for want, got in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_run_cut_anywhere_and_damaged_ends_in_the_weights_of_an_uncut_one(tmp_path):
    """By compiled steps: cut within an epoch, at its end, in the last one; then it loses its newest checkpoint."""
    recipe = Recipe("x", 3, 24, ema=0.9, cutmix=1.0, mixup=0.2, nesterov=True)
    uncut, cut, expected = tmp_path / "uncut", tmp_path / "cut", network()
    uncut.mkdir(), cut.mkdir()
    assert fit_by_steps(expected, recipe, TRAIN, uncut, num_classes=10)
    for budget, kept in [
        (CutAt(0, 2), ["epoch_0_step_2"]),
        (CutAt(1), ["epoch_0_step_2", "epoch_1"]),
        (CutAt(2, 1), ["epoch_2", "epoch_2_step_1"]),
    ]:
        assert not fit_by_steps(network(), recipe, TRAIN, cut, num_classes=10, budget=budget)
        assert names(cut) == kept
    newest = checkpoints(cut)[-1].path
    newest.write_bytes(newest.read_bytes()[:-1000])
    model = network()
    with pytest.warns(UserWarning, match=r"epoch_2_step_1.weights.h5 is damaged.* goes on from epoch_2.weights.h5"):
        assert fit_by_steps(model, recipe, TRAIN, cut, num_classes=10)
    assert_equal_to_the_bit(expected, model)
    assert (uncut / "log.csv").read_text() == (cut / "log.csv").read_text()


def test_a_run_in_steps_of_the_rate_that_is_cut_ends_in_the_weights_of_an_uncut_one(tmp_path):
    recipe = Recipe("x", 3, 24, schedule="steps", milestones=(1, 2))
    uncut, cut, expected, model = tmp_path / "uncut", tmp_path / "cut", network(), network()
    uncut.mkdir(), cut.mkdir()
    fit(expected, recipe, uncut)
    assert not fit(network(), recipe, cut, budget=CutAt(1, 1))
    fit(model, recipe, cut)
    assert_equal_to_the_bit(expected, model)
    assert (uncut / "log.csv").read_text() == (cut / "log.csv").read_text()


def test_a_run_of_before_hashes_were_recorded_goes_on(tmp_path, capsys):
    recipe = Recipe("x", 2, 36)
    fit(plain(), recipe, tmp_path, budget=CutAt(1))
    (tmp_path / "checkpoints.json").unlink()
    assert fit(plain(), recipe, tmp_path)
    assert "their content is checked" in capsys.readouterr().out
    assert names(tmp_path) == ["epoch_1", "epoch_2"] and len(rows(tmp_path)) == 2


def test_a_complete_run_gives_its_weights_again(tmp_path):
    recipe = Recipe("x", 1, 36, ema=0.5)
    model, again = plain(), plain()
    fit(model, recipe, tmp_path)
    assert fit(again, recipe, tmp_path)
    assert_equal_to_the_bit(model, again)


def test_a_checkpoint_of_another_network_is_an_error_that_names_it(tmp_path):
    fit(plain(), Recipe("x", 2, 72), tmp_path, budget=CutAt(1))
    with pytest.raises(ValueError, match=r"checkpoints of this network and optimizer.*epoch_1.weights.h5"):
        fit(network(), Recipe("x", 2, 72), tmp_path)


def test_rows_logged_after_the_checkpoint_are_dropped(tmp_path):
    fit(plain(), Recipe("x", 2, 72), tmp_path, budget=CutAt(1))
    with (tmp_path / "log.csv").open("a") as log:
        log.write("1,0.5,9,NA,NA\n")
    fit(plain(), Recipe("x", 2, 72), tmp_path)
    assert [row["epoch"] for row in rows(tmp_path)] == ["0", "1"]


class Slow(keras.callbacks.Callback):
    """Makes every step take half a second."""

    def on_train_batch_begin(self, batch, logs=None):
        time.sleep(0.5)


def test_a_spent_budget_stops_within_an_epoch_with_a_checkpoint(tmp_path):
    # The first step, with which the time begins, is as long as compiling takes.
    budget = WallClockBudget(1.2 / 60)
    begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: setattr(budget, "started", time.monotonic()))
    assert not fit(plain(), Recipe("x", 5, 4), tmp_path, budget=budget, callbacks=[begin, Slow()])
    (saved,) = checkpoints(tmp_path)
    assert saved.epochs == 0 and 1 <= saved.step <= 4


@pytest.mark.parametrize("minutes", [0, -1.0, float("nan"), float("inf")])
def test_minutes_that_are_none_are_an_error(minutes):
    with pytest.raises(ValueError, match=r"`minutes` must be positive and finite\. Received: minutes="):
        WallClockBudget(minutes)


def test_a_budget_leaves_time_for_the_evaluation_that_ends_an_epoch(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    budget = WallClockBudget(1.0)
    budget.set_params({"steps": 3, "epochs": 9})
    stops = []
    for epoch in range(2):
        budget.on_epoch_begin(epoch)
        for batch in range(3):
            budget.on_train_batch_begin(batch)
            stops.append(budget.stopped)
            clock[0] += 1
        clock[0] += 30  # 33 seconds an epoch: the second's last step begins in time, but not its evaluation
    assert stops == [False] * 5 + [True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_first_epoch_stops_with_a_checkpoint(number, tmp_path, capsys):
    budget, handler = WallClockBudget(None), signal.getsignal(number)
    kill = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: os.kill(os.getpid(), number) if batch == 1 else None
    )
    with stopped_by_signals(budget) as came:
        assert not fit(plain(), Recipe("x", 2, 24), tmp_path, budget=budget, callbacks=[kill])
    assert came == [number] and names(tmp_path) == ["epoch_0_step_2"]
    assert "Once more stops at once" in capsys.readouterr().out and signal.getsignal(number) == handler


class Poison(keras.callbacks.Callback):
    """Makes a weight NaN."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            kernel = self.model.trainable_variables[0]
            kernel.assign(np.full(kernel.shape, np.nan, "float32"))


def test_a_loss_that_is_not_finite_stops_the_training_at_once_and_keeps_the_good_checkpoint(tmp_path):
    with pytest.raises(Diverged, match=r"nan at step [1-3] of epoch 2: .*epoch_1.weights.h5.*lower `learning_rate`"):
        fit(plain(), Recipe("x", 5, 24), tmp_path, callbacks=[Poison(1)])
    assert names(tmp_path) == ["epoch_1"] and len(rows(tmp_path)) == 1
    with h5py.File(tmp_path / "epoch_1.weights.h5") as file:
        assert np.isfinite(file["layers/dense/vars/0"][()]).all()


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    model = plain()
    model.compile("sgd", "mse")
    save(model, tmp_path / "epoch_1.weights.h5")
    before = (tmp_path / "epoch_1.weights.h5").read_bytes()
    kernel = model.trainable_variables[0]
    kernel.assign(np.full(kernel.shape, np.inf, "float32"))
    with pytest.raises(Diverged, match=r"kernel is no longer finite: .*float32"):
        save(model, tmp_path / "epoch_2.weights.h5")
    assert names(tmp_path) == ["epoch_1"] and (tmp_path / "epoch_1.weights.h5").read_bytes() == before


def test_gradients_are_clipped_together(tmp_path):
    model, recipe = plain(), Recipe("x", 1, 72, learning_rate=1.0, warmup=0.0, momentum=0.0, weight_decay=0.0)
    before = model.get_weights()
    fit(model, recipe.replace(clip_norm=1e-3), tmp_path)
    step = np.concatenate([(a - b).ravel() for a, b in zip(model.get_weights(), before, strict=True)])
    assert np.linalg.norm(step) == pytest.approx(1e-3, rel=0.01)


def test_held_out_images_are_evaluated_every_epoch(tmp_path):
    fit(plain(), Recipe("x", 1, 72), tmp_path, held_out=TRAIN)
    (row,) = rows(tmp_path)
    assert 0 <= float(row["val_accuracy"]) <= 1


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_epoch_has_a_bar_of_progress_on_a_terminal_only(is_terminal, tmp_path, monkeypatch):
    screen = io.StringIO()
    screen.isatty = lambda: is_terminal
    monkeypatch.setattr(sys, "stdout", screen)
    fit(plain(), Recipe("x", 1, 24), tmp_path)
    assert ("━" in screen.getvalue()) == is_terminal and "3/3" in screen.getvalue()


def test_training_lowers_the_loss(tmp_path):
    recipe = Recipe("x", 20, 24, pad=0, flip=False, learning_rate=0.5)
    fit_by_steps(network(), recipe, TRAIN, tmp_path, num_classes=10)
    losses = [float(row["loss"]) for row in rows(tmp_path)]
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_model_that_answers_with_probabilities_is_an_error(activation, tmp_path):
    layers = [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10, activation)]
    with pytest.raises(ValueError, match=f"must answer with logits.* Received: a model that ends in a {activation}"):
        fit(keras.Sequential(layers), Recipe("x", 1, 72), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_a_call_of_its_own_is_an_error(tmp_path):
    class Subclassed(keras.Model):
        def call(self, images):
            return keras.ops.mean(images, axis=(1, 2))

    with pytest.raises(ValueError, match=r"`model` must be a functional or a built Sequential model. Received: model="):
        fit(Subclassed(), Recipe("x", 1, 72), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(72, 10), "`train` must have labels from 0 to 9. Received: labels from 10 to 10"),
        (np.full(72, -1), "`train` must have labels from 0 to 9. Received: labels from -1 to -1"),
        ([0] * 72, r"`train` must be arrays: images .* Received: an array of shape \(72, .*\) and a list"),
        (np.zeros((72, 1), int), r"`train` must have an integer label for each of its 72 images.* shape \(72, 1\)"),
        (np.zeros(71, int), "`train` must have an integer label for each of its 72 images"),
        (np.zeros(72), "`train` must have an integer label for each of its 72 images.* labels of float64"),
    ],
)
def test_labels_that_are_no_classes_are_an_error(labels, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        fit(plain(), Recipe("x", 1, 72), tmp_path, Split(TRAIN.images, labels))


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"`directory` must be an existing folder\. Received: directory='.*new'"):
        fit(plain(), Recipe("x", 1, 72), str(tmp_path / "new"))


def test_fewer_images_than_a_batch_is_an_error(tmp_path: pathlib.Path):
    with pytest.raises(ValueError, match=r"at most the number of training images, 72\. Received: batch_size=128"):
        fit(plain(), Recipe("x", 1), tmp_path)
