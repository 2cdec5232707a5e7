"""Tests of growing: what the grown network computes, where its weights come from, what the optimizer keeps."""

import keras
import numpy as np
import pytest

from dia_keras.backbones import resnet, resnext, wrn
from dia_keras.training import Recipe
from dia_keras.training.fitting import compile_for
from dia_keras.training.growing import Origin, grow, origins

pytestmark = pytest.mark.eager
IMAGES = np.random.default_rng(0).normal(size=(8, 16, 16, 3)).astype("float32")
OPTIONS = {"num_classes": 10, "classifier_activation": None, "input_shape": (16, 16, 3)}
FAMILIES = {
    "resnet": (lambda depth, **o: resnet(depth, **o), 20, 38),
    "basic resnet": (lambda depth, **o: resnet(depth, "basic", **o), 14, 26),
    "wrn": (lambda depth, **o: wrn(depth, 1, **o), 16, 28),
    "resnext": (lambda depth, **o: resnext(depth, **o), 20, 38),
}


def pair(family, attention):
    """Returns a network with statistics of its own, and one of twice the blocks."""
    make, small_depth, large_depth = FAMILIES[family]
    options = {"attention": "srm", "shared": True} if attention == "srm, shared" else {"attention": attention}
    small = make(small_depth, **options, **OPTIONS)
    rng = np.random.default_rng(1)
    for weight in small.weights:
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        if weight.path.endswith(("beta", "moving_mean")):
            weight.assign(rng.normal(0, 0.1, weight.shape))
    return small, make(large_depth, **options, **OPTIONS)


def relative_change(small, large):
    before, after = (keras.ops.convert_to_numpy(model(IMAGES)) for model in (small, large))
    return np.linalg.norm(after - before) / np.linalg.norm(before)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("family", "attention"),
    [
        ("resnet", None),
        ("resnet", "dia_lstm"),
        ("basic resnet", "se"),
        ("basic resnet", "srm"),
        ("basic resnet", "srm, shared"),
        ("wrn", "cbam"),
        ("wrn", "dia_lstm"),
    ],
)
def test_copies_that_start_at_zero_change_nothing_but_the_state(family, attention):
    small, large = pair(family, attention)
    grow(small, large, "zero")
    # The shared unit sees one more pooled vector, of zeros, for every copy: its state moves a little.
    assert relative_change(small, large) < (0.15 if attention == "dia_lstm" else 1e-5)


@pytest.mark.parametrize("family", ["resnet", "wrn"])
def test_halved_steps_stay_close_to_the_whole_ones(family):
    small, large = pair(family, None)
    for weight in small.weights:  # steps are small beside what they are added to, as in trained networks
        if "stage" in weight.path and weight.path.endswith(("bn3/gamma", "conv2/kernel")):
            weight.assign(0.2 * weight)
    grow(small, large, "halve")
    assert relative_change(small, large) < 0.1


def test_resnext_grows_too():
    small, large = pair("resnext", "dia_lstm_light")
    grow(small, large)
    assert relative_change(small, large) < 0.15


def test_origins_say_where_blocks_come_from():
    assert origins(2, 4, "zero") == [Origin(1, 1.0), Origin(2, 0.0), Origin(2, 1.0), Origin(2, 0.0)]
    assert origins(2, 4, "halve") == [Origin(1, 1.0), Origin(2, 0.0), Origin(2, 0.5), Origin(2, 0.5)]
    assert origins(2, 3, "zero") == [Origin(1, 1.0), Origin(2, 1.0), Origin(2, 0.0)]
    assert origins(3, 3, "halve") == [Origin(1, 1.0), Origin(2, 1.0), Origin(3, 1.0)]


@pytest.mark.parametrize(("small", "large"), [(3, 2), (1, 2)])
def test_a_network_does_not_shrink_or_copy_a_single_block(small, large):
    with pytest.raises(ValueError, match=rf"`depth` must not fall .* Received: {small} and then {large} blocks"):
        origins(small, large, "zero")


def test_another_family_is_an_error():
    small = FAMILIES["resnet"][0](11, **OPTIONS)
    with pytest.raises(
        ValueError, match=r"`large` must be `small` with more blocks, .* the same names\. Received: a layer"
    ):
        grow(small, FAMILIES["basic resnet"][0](8, **OPTIONS))


@pytest.mark.parametrize("momenta", ["keep", "reset"])
def test_the_optimizer_goes_along(momenta):
    small, large = pair("basic resnet", "dia_lstm")
    for model in (small, large):
        compile_for(model, Recipe("x", 4, 8, ema=0.9), steps_per_epoch=10, run_eagerly=True)
        model.optimizer.build(model.trainable_variables)
    small.fit(IMAGES, np.eye(10)[np.arange(8)], verbose=0)
    grow(small, large, "zero", momenta)
    assert int(large.optimizer.iterations) == 1

    def momentum(model, layer):
        (gamma,) = (weight for weight in model.get_layer(layer).trainable_weights if weight.path.endswith("gamma"))
        return keras.ops.convert_to_numpy(model.optimizer.momentums[model.optimizer._get_variable_index(gamma)])

    kept = momentum(small, "stage2_block2_bn2") * (momenta == "keep")
    np.testing.assert_array_equal(momentum(large, "stage2_block3_bn2"), kept)
    np.testing.assert_array_equal(momentum(large, "stage2_block4_bn2"), 0)
    assert np.abs(momentum(small, "stage2_block2_bn2")).max() > 0
