"""Whatever form a network's end has, its analysis is that of its logits."""

import keras
import numpy as np
import pytest
from small_networks import run, small

from dia_keras.analysis import accuracy_without_blocks, attention_by_stage, class_activation, stage_gradients


def nested(body, head):
    inputs = keras.Input(body.output.shape[1:], name="features")
    inner = keras.Model(inputs, keras.layers.Dense(4, "softmax", name="classifier")(inputs), name="head")
    inner.set_weights(head.get_weights())
    return keras.Model(body.input, inner(body.output))


def second(body, head):
    inputs = keras.Input(body.output.shape[1:], name="features")
    inner = keras.Model(inputs, [keras.layers.Dense(4, "relu")(inputs), keras.ops.softmax(head(inputs))], name="head")
    return keras.Model(body.input, inner(body.output)[1])


def of_two_inputs(body, head):
    inputs = [keras.Input(body.output.shape[1:], name=name) for name in ("zeros", "features")]
    inner = keras.Model(inputs, keras.ops.softmax(head(inputs[0] + inputs[1])), name="head")
    return keras.Model(body.input, inner([0 * body.output, body.output]))


FORMS = {
    "a nested one of two inputs": of_two_inputs,
    "the second output of a nested one": second,
    "flat": lambda body, head: keras.Model(body.input, head(body.output)),
    "nested": nested,
    "operation": lambda body, head: keras.Model(body.input, keras.ops.softmax(head(body.output))),
    "softmax layer": lambda body, head: keras.Model(body.input, keras.layers.Softmax()(head(body.output))),
    "cast": lambda body, head: keras.Model(
        body.input,
        keras.layers.Activation("linear", dtype="float32")(keras.layers.Activation("softmax")(head(body.output))),
    ),
    "cast by an operation": lambda body, head: keras.Model(
        body.input, keras.ops.cast(keras.ops.softmax(head(body.output)), "float32")
    ),
    "flattened": lambda body, head: keras.Model(
        body.input, keras.layers.Reshape((4,))(keras.layers.Flatten()(keras.ops.softmax(head(body.output))))
    ),
}


def halves(probabilities):
    return keras.layers.Concatenate()([probabilities[:, :2], probabilities[:, 2:]])


def within(probabilities):
    inputs = keras.Input(probabilities.shape[1:])
    return keras.Model(inputs, keras.layers.Rescaling(100)(inputs))(probabilities)


HIDDEN = {
    "in percent, within a model": within,
    "put together": halves,
    "in percent": lambda probabilities: keras.layers.Rescaling(100)(probabilities),
    "clipped": lambda probabilities: keras.ops.clip(probabilities, 1e-7, 1),
    "averaged": lambda probabilities: keras.layers.Average()([probabilities, probabilities]),
}


@pytest.fixture
def confident(images):
    """The features of a network, and a head of large weights, under which a second softmax would show."""
    network = small(attention="dia_lstm", classifier_activation=None)
    head = network.get_layer("classifier")
    head.kernel.assign(4 * head.kernel)
    return keras.Model(network.input, network.get_layer("pool").output), head


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(form, marks=[pytest.mark.torch] * (form not in ("a nested one of two inputs", "flat", "cast")))
        for form in FORMS
    ],
)
def test_probabilities_maps_and_gradients_are_those_of_the_logits(confident, images, form):
    body, head = confident
    logits = keras.Model(body.input, head(body.output))
    activation = "softmax" if form == "flat" else "linear"
    copy = keras.layers.Dense(4, activation, name="classifier")
    copy.build(head.input.shape)
    copy.set_weights(head.get_weights())
    model = FORMS[form](body, copy)
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits(images)))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(images)), expected, rtol=1e-4, atol=1e-6)
    found, right = class_activation(model, images), class_activation(logits, images)
    np.testing.assert_allclose(found.probabilities, expected.max(axis=1), rtol=1e-4)
    np.testing.assert_allclose(found.maps, right.maps, rtol=1e-3, atol=1e-6)
    assert right.maps.max() > 0
    labels = expected.argmin(axis=1)
    for stage, gradient in stage_gradients(model, images, labels).items():
        np.testing.assert_allclose(gradient, stage_gradients(logits, images, labels)[stage], rtol=1e-3, atol=1e-7)


def test_sigmoids_that_are_put_together_are_not_taken_for_logits(confident, images):
    body, _ = confident
    heads = [keras.layers.Dense(1, "sigmoid")(body.output) for _ in range(3)]
    model = keras.Model(body.input, keras.layers.Concatenate()(heads))
    with pytest.raises(ValueError, match="probabilities pass through 'concatenate"):
        class_activation(model, images)


@pytest.mark.parametrize("form", HIDDEN)
def test_probabilities_are_not_taken_for_logits(confident, images, form):
    body, head = confident
    model = keras.Model(body.input, HIDDEN[form](keras.ops.softmax(head(body.output))))
    message = "`model` must end in Keras' own softmax or sigmoid, or give logits. .* probabilities pass through"
    with pytest.raises(ValueError, match=message):
        class_activation(model, images)
    with pytest.raises(ValueError, match=message):
        stage_gradients(model, images, np.zeros(len(images), int))


@pytest.mark.parametrize("activation", ["hard_sigmoid", "log_softmax", keras.ops.sigmoid, lambda x: 1 / (1 + x * x)])
@pytest.mark.parametrize("classes", [1, 4])
def test_activations_that_are_not_keras_own_softmax_and_sigmoid_are_refused(images, activation, classes):
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255, name="scaled")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(classes, activation)(features))
    with pytest.raises(ValueError, match="must end in Keras' own softmax or sigmoid, or give logits"):
        class_activation(model, images, "scaled")


def test_a_sigmoid_of_ones_own_layer_is_not_taken_for_logits(images):
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255, name="scaled")(inputs))
    hidden = keras.layers.Lambda(keras.ops.sigmoid, output_shape=(1,))(keras.layers.Dense(1)(features))
    with pytest.raises(ValueError, match="a model whose probabilities pass through 'lambda"):
        class_activation(keras.Model(inputs, hidden), images, "scaled")


def test_logits_that_an_operation_changes_are_logits(confident, images):
    body, head = confident
    colder, logits = (keras.Model(body.input, keras.ops.multiply(head(body.output), f)) for f in (2.0, 1.0))
    found, right = class_activation(colder, images), class_activation(logits, images)
    np.testing.assert_allclose(found.maps, 2 * right.maps, rtol=1e-3, atol=1e-6)


def test_the_probability_of_a_network_of_many_labels_is_its_sigmoid(images):
    model = small(attention="se", classifier_activation="sigmoid")
    answers = keras.ops.convert_to_numpy(model(images))
    assert np.abs(answers.sum(axis=1) - 1).min() > 0.1
    np.testing.assert_allclose(class_activation(model, images).probabilities, answers.max(axis=1), rtol=1e-4)


def test_a_classifier_in_int8_answers_as_the_network_does(images):
    model = small(attention="dia_lstm", classifier_activation="softmax")
    model.get_layer("classifier").quantize("int8")
    answers = keras.ops.convert_to_numpy(model(images))
    found = class_activation(model, images)
    np.testing.assert_array_equal(found.classes, answers.argmax(axis=1))
    np.testing.assert_allclose(found.probabilities, answers.max(axis=1), rtol=1e-3)
    assert accuracy_without_blocks(model, images, answers.argmax(axis=1))[0] == 1.0
    assert model.get_layer("classifier").activation is keras.activations.softmax


def test_the_axes_are_those_of_the_network_whatever_keras_setting_is(images):
    model = small(attention="cbam")
    maps, attention = class_activation(model, images).maps, attention_by_stage(model, images)
    keras.config.set_image_data_format("channels_first")
    np.testing.assert_array_equal(class_activation(model, images).maps, maps)
    for stage, values in attention_by_stage(model, images).items():
        np.testing.assert_array_equal(values, attention[stage])
        assert values.shape[-1] == run(model, images, f"stage{stage}_output")[0].shape[-1]


@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_batches_are_of_one_image_or_more(dia, images, size):
    with pytest.raises(ValueError, match="`batch_size` must be"):
        accuracy_without_blocks(dia, images, np.zeros(3, int), batch_size=size)
    with pytest.raises(ValueError, match="`batch_size` must be"):
        attention_by_stage(dia, images, batch_size=size)
