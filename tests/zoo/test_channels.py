"""Tests of pretrained networks for images of other than three channels."""

import dataclasses
import logging

import keras
import numpy as np
import pytest

from dia_keras import zoo
from dia_keras.samples import load_samples
from dia_keras.zoo.channels import kernel_for, statistics_for


def predict(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.fixture(scope="module")
def gray():
    return np.random.default_rng(2).integers(0, 256, (4, 32, 32, 1), dtype=np.uint8)


def load(channels, **options):
    return zoo.load("tiny_cifar10", input_shape=(32, 32, channels), classifier_activation=None, **options)


def test_a_gray_image_answers_as_the_same_image_with_three_equal_channels():
    """Shipped weights, on samples made gray: only at the border, three means and one are not the same."""
    samples = load_samples("cifar10")[0].mean(-1, keepdims=True).round().astype("uint8")
    rgb, one = (
        zoo.load("dia_resnet20_cifar10", input_shape=(32, 32, channels), classifier_activation=None)
        for channels in (3, 1)
    )
    expected, found = predict(rgb, np.repeat(samples, 3, -1)), predict(one, samples)
    assert np.abs(found - expected).max() < 0.02 * np.ptp(expected)
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))


def test_with_equal_statistics_a_gray_image_answers_exactly_so(small_zoo, gray, monkeypatch):
    cifar = zoo.cards.dataset("cifar10")
    equal = dataclasses.replace(cifar, mean=(0.47,) * 3, std=(0.2,) * 3)
    monkeypatch.setattr(zoo.cards, "dataset", lambda name: equal)
    expected = predict(load(3), np.repeat(gray, 3, -1))
    np.testing.assert_allclose(predict(load(1), gray), expected, rtol=1e-4, atol=1e-4)


def test_rgb_twice_answers_as_rgb(small_zoo, images):
    expected = predict(load(3), images)
    found = predict(load(6), np.concatenate([images, images], -1))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_kernels_are_summed_or_repeated_and_scaled_as_in_timm():
    kernel = np.arange(12, dtype="float32").reshape(1, 2, 3, 2)
    cifar = zoo.cards.dataset("cifar10")
    equal = dataclasses.replace(cifar, std=(0.2,) * 3)
    np.testing.assert_allclose(kernel_for(kernel, 1, equal)[0, 0], [[0 + 2 + 4, 1 + 3 + 5]], rtol=1e-6)
    four = kernel_for(kernel, 4, cifar)
    assert four.shape == (1, 2, 4, 2) and four.dtype == np.float32
    np.testing.assert_array_equal(four, kernel[:, :, [0, 1, 2, 0]] * np.float32(0.75))
    assert statistics_for(cifar, 1).mean == pytest.approx((np.mean(cifar.mean),))
    assert statistics_for(cifar, 4).std == (*cifar.std, cifar.std[0])


@pytest.mark.parametrize(("channels", "how"), [(1, "summed over red, green and blue"), (4, "scaled by 3 / 4")])
def test_all_other_weights_are_the_same_and_a_message_says_so(small_zoo, channels, how, caplog):
    with caplog.at_level(logging.WARNING, "dia_keras"):
        model = load(channels)
    (message,) = caplog.messages
    assert f"{channels} channel" in message and how in message and "mean and standard deviation follow" in message
    different = [
        new.path
        for new, old in zip(model.weights, small_zoo.model.weights, strict=True)
        if new.shape != old.shape or not np.array_equal(*map(keras.ops.convert_to_numpy, (new, old)))
    ]
    assert different == (["stem_conv/kernel", "stem_bn/moving_mean"] if channels == 1 else ["stem_conv/kernel"])


def test_another_head_and_other_channels_go_together(small_zoo, gray, caplog):
    model = zoo.load("tiny_cifar10", input_shape=(32, 32, 1), num_classes=3)
    assert model.output_shape == (None, 3) and len(caplog.messages) == 2
    assert predict(zoo.load("tiny_cifar10", input_shape=(32, 32, 1), weights=None), gray).shape == (4, 10)
    features = zoo.load("tiny_cifar10", input_shape=(32, 32, 1), include_top=False)
    assert predict(features, gray).shape == (4, 8, 8, 64)


def test_weights_that_were_saved_with_these_channels_load_as_they_are(small_zoo, gray, tmp_path, caplog):
    model = load(1)
    zoo.save_weights(model, tmp_path / "gray.weights.h5")
    caplog.clear()
    again = load(1, weights=tmp_path / "gray.weights.h5")
    assert caplog.messages == []
    np.testing.assert_allclose(predict(again, gray), predict(model, gray), rtol=0.02, atol=0.02)


def test_no_channels_are_an_error(small_zoo):
    with pytest.raises(ValueError, match=r"at least 1 channel. Received: input_shape=\(32, 32, 0\)"):
        load(0)
