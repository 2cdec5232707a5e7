"""Tests of the fused batch norm: it is Keras' own, in values, gradients, and moving statistics."""

import keras
import numpy as np
import pytest

from dia_keras.training.steps.fused_norm import fused_batch_norms

pytestmark = pytest.mark.tensorflow

IMAGES = np.random.default_rng(0).normal(2, 3, (6, 5, 5, 3)).astype("float32")


def network(**settings):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5, 5, 3))
    x = keras.layers.BatchNormalization(momentum=0.7, gamma_initializer="random_normal", **settings)(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(4, 3, use_bias=False)(keras.layers.ReLU()(x)))


def trained(model):
    """Returns outputs in training, gradients, and weights after the step."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(images := tf.constant(IMAGES))
        outputs = model(images, training=True)
        loss = tf.reduce_sum(tf.cast(outputs, "float32") ** 2)
    gradients = tape.gradient(loss, [images, *(weight.value for weight in model.trainable_weights)])
    return [outputs, *gradients, *model.get_weights()]


def compare(results, expected, tolerance):
    for got, want in zip(results, expected, strict=True):
        want = np.asarray(want, "float32")
        np.testing.assert_allclose(np.asarray(got, "float32"), want, rtol=0, atol=tolerance * np.abs(want).max())


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 0.02)])
def test_it_is_the_layer_of_keras(dtype, tolerance):
    keras.config.set_dtype_policy(dtype)
    try:
        ours, keras_own = network(), network()
    finally:
        keras.config.set_dtype_policy("float32")
    expected = [*trained(keras_own), keras_own(IMAGES)]
    with fused_batch_norms(ours):
        assert "call" in vars(ours.layers[1])
        compare([*trained(ours), ours(IMAGES)], expected, tolerance)
    compare([ours(IMAGES)], expected[-1:], tolerance)
    assert "call" not in vars(ours.layers[1])


@pytest.mark.parametrize("settings", [{"axis": 1}, {"scale": False}, {"renorm": True}])
def test_other_settings_stay_with_keras(settings):
    model = keras.Sequential([keras.Input((5, 5, 3)), keras.layers.BatchNormalization(**settings)])
    with fused_batch_norms(model):
        assert "call" not in vars(model.layers[0])


def test_frozen_layers_keep_their_statistics():
    model = network()
    model.layers[1].trainable = False
    before = model.layers[1].get_weights()
    with fused_batch_norms(model):
        model(IMAGES, training=True)
    for got, want in zip(model.layers[1].get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_layers_of_dtypes_that_the_kernel_lacks_stay_as_they_are(dtype):
    model = network(dtype=dtype)
    with fused_batch_norms(model):
        assert "call" not in vars(model.layers[1])


def test_a_model_may_be_given_twice():
    model = network()
    with fused_batch_norms(model, model):
        assert "call" in vars(model.layers[1])
    assert "call" not in vars(model.layers[1])
