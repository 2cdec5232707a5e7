"""Gradients are those of calculus and of finite differences, and leave the network as it is."""

import keras
import numpy as np
import pytest
from keras import ops
from small_networks import small

from dia_keras.analysis import gradient
from dia_keras.analysis.features import features_and_gradients
from dia_keras.analysis.layer_by_layer import logits


def test_the_gradient_of_a_polynomial():
    x = np.array([1.0, -2.0], "float32")
    np.testing.assert_allclose(gradient(lambda x: ops.sum(x**3), x), [3, 12])


def test_gradients_have_the_structure_of_what_they_are_by():
    x = {"a": np.ones((2, 3), "float32"), "b": np.full(2, 3.0, "float32"), "c": np.ones(1, "float32")}
    found = gradient(lambda x: ops.sum(x["a"]) * x["b"][1], x)
    assert list(found) == ["a", "b", "c"]
    np.testing.assert_allclose(found["a"], np.full((2, 3), 3.0))
    np.testing.assert_allclose(found["b"], [0, 6])
    np.testing.assert_allclose(found["c"], [0])  # what the value does not depend on


@pytest.mark.parametrize("value", [lambda x: ops.convert_to_tensor(3.0), lambda x: ops.stop_gradient(x[0])])
def test_the_gradient_of_what_does_not_depend_on_x_is_zero(value):
    np.testing.assert_array_equal(gradient(value, np.ones(2, "float32")), [0, 0])


def test_a_value_that_is_not_a_scalar_is_an_error():
    with pytest.raises(ValueError, match=r"must return a scalar. Received: a tensor of shape \(2,\)"):
        gradient(lambda x: 2 * x, np.ones(2, "float32"))


def test_a_backend_without_gradients_is_an_error(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(RuntimeError, match="Received: numpy"):
        gradient(ops.sum, np.ones(2, "float32"))


@pytest.mark.parametrize("training", [False, True])
def test_gradients_by_inner_features_are_those_of_finite_differences(dia, images, training):
    """Also within a stage, where the attention's state goes past the features."""
    name, step = "stage2_block1_output", 3e-3
    weights = np.random.default_rng(2).normal(size=(3, 4)).astype("float32")
    before = [np.array(weight) for weight in dia.get_weights()]

    def value(logits):
        return ops.sum(ops.multiply(logits, weights))

    features, gradients = features_and_gradients(dia, images, [name], value, training)
    direction = np.sign(gradients[name])

    def moved(distance):
        def move(call, outputs):
            return ops.add(outputs, distance * direction) if call.layer.name == name else outputs

        with keras.StatelessScope():
            return float(ops.convert_to_numpy(value(logits(dia, images, move, training))))

    expected = (moved(step) - moved(-step)) / (2 * step)
    assert np.sum(gradients[name] * direction) == pytest.approx(expected, rel=0.03)
    assert features[name].shape == (3, 4, 4, 32)
    for weight, old in zip(dia.get_weights(), before, strict=True):  # moving statistics, too
        np.testing.assert_array_equal(weight, old)


def test_logits_are_the_models_answers_before_its_softmax(images):
    model = small(8, attention="dia_lstm")
    twin = small(8, attention="dia_lstm", classifier_activation=None)
    twin.set_weights(model.get_weights())
    found = ops.convert_to_numpy(logits(model, images))
    np.testing.assert_allclose(found, ops.convert_to_numpy(twin(images)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(logits(twin, images)), found, rtol=1e-5, atol=1e-6)
    for last in (keras.layers.Softmax(), keras.layers.Activation("softmax")):
        whole = keras.Model(twin.input, last(twin.output))
        np.testing.assert_allclose(ops.convert_to_numpy(logits(whole, images)), found, rtol=1e-5, atol=1e-6)
