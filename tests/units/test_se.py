"""Squeeze-and-excitation."""

import keras
import numpy as np
import pytest
import units_reference as reference
from unit_cases import features, numpy, randomize

from dia_keras.units import SE


@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_the_numpy_reference(use_bias):
    layer = SE(4, use_bias)
    x = features(2, 5, 3, 16)
    layer.build(x.shape)
    randomize(layer)
    squeeze, excite = layer.squeeze, layer.excite
    biases = (numpy(squeeze.bias), numpy(excite.bias)) if use_bias else (0, 0)
    expected = reference.squeeze_excite(numpy(squeeze.kernel), biases[0], numpy(excite.kernel), biases[1], x)
    np.testing.assert_allclose(numpy(layer(x)), expected, rtol=1e-5, atol=1e-6)
    first = SE(4, use_bias, "channels_first")
    first.build((2, 16, 5, 3))
    first.set_weights(layer.get_weights())
    np.testing.assert_allclose(numpy(first(x.transpose(0, 3, 1, 2))).transpose(0, 2, 3, 1), expected, atol=1e-5)


@pytest.mark.parametrize("n, ratio, use_bias", [(64, 16, True), (256, 4, True), (512, 4, False), (8, 16, True)])
def test_parameters(n, ratio, use_bias):
    layer = SE(ratio, use_bias)
    layer.build((None, 4, 4, n))
    hidden = max(1, n // ratio)
    assert layer.count_params() == 2 * n * hidden + use_bias * (hidden + n)


def test_a_saved_model_answers_the_same(tmp_path):
    inputs = keras.Input((4, 4, 16))
    model = keras.Model(inputs, SE(4, use_bias=False, name="se")(inputs))
    model.save(tmp_path / "se.keras")
    loaded = keras.saving.load_model(tmp_path / "se.keras")
    assert loaded.get_layer("se").get_config() == model.get_layer("se").get_config()
    x = features(2, 4, 4, 16)
    np.testing.assert_allclose(numpy(loaded(x)), numpy(model(x)), rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_low_precision_stays_near_float32(policy):
    layer = SE(4)
    x = features(2, 4, 4, 16)
    expected = numpy(layer(x))
    low = SE(4, dtype=policy)
    low.build(x.shape)
    low.set_weights(layer.get_weights())
    out = low(x)
    assert keras.backend.standardize_dtype(out.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(numpy(out), expected, atol=2e-2)


@pytest.mark.parametrize("settings", [{"ratio": 0}, {"ratio": 2.0}, {"data_format": "nchw"}])
def test_wrong_arguments_are_named(settings):
    ((name, value),) = settings.items()
    with pytest.raises(ValueError, match=f"`{name}` must be.*Received: {name}={value!r}"):
        SE(**settings)
