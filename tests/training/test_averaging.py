"""Tests of averaged weights: their batch-norm statistics, their evaluation, and what trains on unharmed."""

import csv

import keras
import numpy as np
import pytest

from dia_keras.data import Split
from dia_keras.training import Recipe, fit
from dia_keras.training.averaging import measure_statistics, statistics_batches, trainable_values
from dia_keras.training.fitting import batches_of_phase

RNG = np.random.default_rng(0)
TRAIN = Split(RNG.integers(0, 256, (64, 8, 8, 3), np.uint8), RNG.integers(0, 4, 64))


def network():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3)(keras.layers.Rescaling(1 / 64)(inputs))
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(name="norm")(x))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Dropout(0.2)(x))
    return keras.Model(inputs, keras.layers.Dense(4)(x))


def test_norms_within_models_get_the_statistics_of_the_images_and_keep_their_momentum():
    images = np.random.default_rng(0).normal(3.0, 2.0, (16, 4, 4, 3)).astype("float32")
    norm = keras.layers.BatchNormalization(momentum=0.9)
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.Sequential([norm])])
    measure_statistics(model, [images])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(norm.moving_mean), images.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(norm.moving_variance), images.var((0, 1, 2)), rtol=1e-4)
    assert norm.momentum == 0.9


def test_statistics_are_the_means_of_those_of_the_batches():
    model = network()
    before = model.get_weights()
    images = TRAIN.images.reshape(4, 16, 8, 8, 3).astype("float32")
    measure_statistics(model, images)
    convolve = keras.Model(model.input, model.get_layer("norm").input)
    features = np.stack([keras.ops.convert_to_numpy(convolve(batch)) for batch in images])
    norm = model.get_layer("norm")
    for variable, want in (
        (norm.moving_mean, features.mean((1, 2, 3)).mean(0)),
        (norm.moving_variance, features.var((1, 2, 3)).mean(0)),
    ):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), want, rtol=1e-4, atol=1e-5)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert sum(changed) == 2  # not the dropout's seed
    assert norm.momentum == 0.99


def test_a_norm_that_blocks_share_has_the_mean_of_what_they_give_it():
    keras.utils.set_random_seed(1)
    shared = keras.layers.BatchNormalization()
    own = shared.call
    inputs = keras.Input((8, 8, 3))
    first = keras.layers.Conv2D(3, 3, bias_initializer="ones")(inputs)
    second = keras.layers.Conv2D(3, 3, bias_initializer="zeros")(shared(first))
    model = keras.Model(inputs, [first, second, shared(second)])
    images = TRAIN.images.reshape(4, 16, 8, 8, 3).astype("float32")
    measure_statistics(model, images)
    means = []
    for batch in images:
        answers = model(batch, training=True)
        means.append(np.mean([keras.ops.convert_to_numpy(each).mean((0, 1, 2)) for each in answers[:2]], axis=0))
    model(images[0])
    measure_statistics(model, images)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(shared.moving_mean), np.mean(means, 0), rtol=1e-4, atol=1e-3)
    assert shared.momentum == 0.99 and shared.call == own


def test_no_batches_are_an_error():
    with pytest.raises(ValueError, match=r"`images` must be one batch or more\. Received: none"):
        measure_statistics(network(), [])


def rows(folder):
    with (folder / "log.csv").open() as log:
        return list(csv.DictReader(log))


def test_averages_are_evaluated_with_statistics_of_their_own_and_training_goes_on_unharmed(tmp_path):
    plain, averaged = tmp_path / "plain", tmp_path / "averaged"
    plain.mkdir(), averaged.mkdir()
    recipe = Recipe("x", 6, 16, learning_rate=0.5, pad=0, flip=False)
    fit(network(), recipe, TRAIN, plain, num_classes=4, held_out=TRAIN)
    model = fit(network(), recipe.replace(ema=0.8), TRAIN, averaged, num_classes=4, held_out=TRAIN)
    losses = [[float(row["loss"]) for row in rows(folder)] for folder in (plain, averaged)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert [row["val_loss"] for row in rows(plain)] != [row["val_loss"] for row in rows(averaged)]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    targets = np.eye(4, dtype="float32")[TRAIN.labels]
    final = float(keras.ops.convert_to_numpy(loss(targets, model(TRAIN.images.astype("float32")))))
    assert final == pytest.approx(float(rows(averaged)[-1]["val_loss"]), rel=1e-4)


def test_early_averages_are_no_worse_for_their_statistics(tmp_path):
    """With the statistics of the weights that train, the averages of a fast training are far off."""
    recipe = Recipe("x", 8, 16, learning_rate=1.0, warmup=0.0, pad=0, flip=False, ema=0.95)
    fit(network(), recipe, TRAIN, tmp_path, num_classes=4, held_out=TRAIN)
    assert all(float(row["val_loss"]) < 2.5 for row in rows(tmp_path))


def test_final_weights_may_be_the_average_of_the_first_and_the_last(tmp_path):
    recipe = Recipe("x", 2, 16, warmup=0.0, initial_weights="x")
    first, ends = trainable_values(network()), []
    for share in (0.0, 0.25):
        folder, changed = tmp_path / str(share), recipe.replace(initial_share=share)
        folder.mkdir()
        ends.append(fit(lambda phase: network(), changed, TRAIN, folder, num_classes=4))
    last, averaged = (trainable_values(model) for model in ends)
    assert max(np.abs(a - b).max() for a, b in zip(first, last, strict=True)) > 0.01
    for begin, end, mean in zip(first, last, averaged, strict=True):
        np.testing.assert_allclose(mean, 0.25 * begin + 0.75 * end, atol=1e-6)
    norm = ends[-1].get_layer("norm")
    statistics = [np.array(keras.ops.convert_to_numpy(v)) for v in (norm.moving_mean, norm.moving_variance)]
    measure_statistics(ends[-1], statistics_batches(batches_of_phase(recipe, TRAIN, 4, (), None)()))
    for mine, want in zip(statistics, (norm.moving_mean, norm.moving_variance), strict=True):
        np.testing.assert_allclose(mine, keras.ops.convert_to_numpy(want), rtol=1e-5)


@pytest.mark.parametrize("changes", [{"ema": 0.8}, {"initial_weights": "x", "initial_share": 0.25}])
def test_a_complete_training_that_is_called_again_gives_the_same_weights(tmp_path, changes):
    def dropped(phase):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((8, 8, 3))
        x = keras.layers.Dropout(0.3)(keras.layers.Conv2D(8, 3)(keras.layers.Rescaling(1 / 64)(inputs)))
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
        return keras.Model(inputs, keras.layers.Dense(4)(x))

    recipe = Recipe("x", 2, 16, warmup=0.0, **changes)
    ends = [fit(dropped, recipe, TRAIN, tmp_path, num_classes=4).get_weights() for _ in range(2)]
    for mine, theirs in zip(*ends, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_an_average_with_the_first_weights_needs_a_function_that_builds_them(tmp_path):
    recipe = Recipe("x", 2, 16, initial_weights="x", initial_share=0.25)
    with pytest.raises(ValueError, match=r"`model` must be a function .* Received: a model, and initial_share"):
        fit(network(), recipe, TRAIN, tmp_path, num_classes=4)
