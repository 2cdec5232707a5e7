"""Tests of grouped convolution, against one written from its definition."""

import keras
import numpy as np
import pytest
from keras import ops

from dia_keras.backbones import GroupedConv2D, native_grouped_convolutions

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 7, 6, 8)).astype("float32")


def reference(images, kernel, groups):
    """Valid convolution of stride 1, a filter at a time."""
    size, _, inputs, filters = kernel.shape
    height, width = (side - size + 1 for side in images.shape[1:3])
    outputs = np.zeros((len(images), height, width, filters))
    for filter in range(filters):
        first = filter // (filters // groups) * inputs
        for row, column in np.ndindex(height, width):
            window = images[:, row : row + size, column : column + size, first : first + inputs]
            outputs[:, row, column, filter] = (window * kernel[..., filter]).sum((1, 2, 3))
    return outputs


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_is_grouped_convolution(groups):
    layer = GroupedConv2D(12, 3, groups=groups, use_bias=False)
    got = ops.convert_to_numpy(layer(IMAGES))
    np.testing.assert_allclose(got, reference(IMAGES, ops.convert_to_numpy(layer.kernel), groups), rtol=1e-4, atol=1e-5)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "options",
    [{"strides": 2}, {"padding": "same"}, {"dilation_rate": 2}, {"data_format": "channels_first"}, {"groups": 1}],
    ids=str,
)
def test_equals_the_layer_of_keras(options):
    layer = GroupedConv2D(12, 3, **{"groups": 4, **options})
    twin = keras.layers.Conv2D.from_config({**layer.get_config(), "name": "twin"})
    images = IMAGES.transpose(0, 3, 1, 2) if "data_format" in options else IMAGES
    layer.build(images.shape)
    twin.build(images.shape)
    twin.set_weights(layer.get_weights())
    got, want = layer(images), twin(images)
    np.testing.assert_allclose(ops.convert_to_numpy(got), ops.convert_to_numpy(want), rtol=1e-4, atol=1e-5)


@pytest.mark.tensorflow
def test_gradients_are_those_of_the_native_op():
    import tensorflow as tf

    layer = GroupedConv2D(12, 3, groups=4)
    layer.build(IMAGES.shape)

    def gradients():
        images = tf.constant(IMAGES)
        with tf.GradientTape() as tape:
            tape.watch(images)
            loss = tf.reduce_sum(layer(images) ** 2)
        return tape.gradient(loss, [images, layer.kernel.value, layer.bias.value])

    split = gradients()
    with native_grouped_convolutions():
        native = gradients()
    for got, want in zip(split, native, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.tensorflow
def test_on_a_cpu_tensorflow_runs_one_convolution_a_group():
    import tensorflow as tf

    if keras.distribution.list_devices("gpu"):
        pytest.skip("on a GPU it runs one")
    layer = GroupedConv2D(12, 3, groups=4)
    layer.build(IMAGES.shape)

    def operations():
        graph = tf.function(layer).get_concrete_function(tf.TensorSpec(IMAGES.shape)).graph
        return [operation.type for operation in graph.get_operations()]

    assert operations().count("Conv2D") == 4
    with native_grouped_convolutions():
        assert operations().count("Conv2D") == 0  # it is in a function compiled by XLA


def test_low_precision_stays_near_float32():
    layer, low = GroupedConv2D(12, 3, groups=4), GroupedConv2D(12, 3, groups=4, dtype="mixed_bfloat16")
    layer.build(IMAGES.shape)
    low.build(IMAGES.shape)
    low.set_weights(layer.get_weights())
    got = low(IMAGES)
    assert keras.backend.standardize_dtype(got.dtype) == "bfloat16"
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.cast(got, "float32")), ops.convert_to_numpy(layer(IMAGES)), atol=0.05
    )


def test_a_saved_model_keeps_its_groups(tmp_path):
    model = keras.Sequential([keras.Input((7, 6, 8)), GroupedConv2D(12, 3, groups=4)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again.layers[0], GroupedConv2D) and again.layers[0].groups == 4
    np.testing.assert_array_equal(ops.convert_to_numpy(again(IMAGES)), ops.convert_to_numpy(model(IMAGES)))
