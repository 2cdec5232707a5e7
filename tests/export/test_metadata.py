"""Files say how their images are normalized, where that is so."""

import keras
import numpy as np
import pytest

from dia_keras import backbones
from dia_keras.export.metadata import describe, normalizes_pixels
from dia_keras.inference.ending import last_activation


def norm(**options):
    return keras.layers.Normalization(mean=[0.5, 0.4, 0.3], variance=[0.04, 0.09, 0.16], **options)


def model(*layers):
    return keras.Sequential([keras.Input((16, 16, 3)), *layers, keras.layers.GlobalAveragePooling2D()])


def adapted():
    layer = keras.layers.Normalization()
    layer.adapt(np.stack([np.zeros((4, 4, 3)), np.full((4, 4, 3), 2.0)]))
    return layer


def fine_tuned():
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.RandomFlip()(inputs)
    features = backbones.resnet(8, "basic", include_top=False, input_shape=(16, 16, 3), preprocessing=norm())(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(features))


def of_features():
    return model(keras.layers.Conv2D(3, 1), norm())


def of_branches():
    inputs = keras.Input((16, 16, 3))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(norm()(inputs) + inputs))


@pytest.mark.parametrize(
    ("make", "mean", "std"),
    [
        (lambda: model(norm()), [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]),
        (lambda: model(adapted()), [1, 1, 1], [1, 1, 1]),
        (lambda: model(keras.layers.Rescaling(1 / 255), norm()), [127.5, 102, 76.5], [51, 76.5, 102]),
        (lambda: model(keras.layers.Rescaling(2, offset=-1), norm()), [0.75, 0.7, 0.65], [0.1, 0.15, 0.2]),
        (lambda: model(keras.layers.Normalization(axis=None, mean=3, variance=4)), [3], [2]),
        (lambda: model(norm(), keras.layers.Rescaling(2, offset=-1)), [0.6, 0.55, 0.5], [0.1, 0.15, 0.2]),
        (fine_tuned, [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]),
    ],
    ids=["own", "adapted", "rescaled", "rescaled with offset", "one value", "rescaled after", "fine-tuned"],
)
def test_mean_and_std_are_those_of_the_images(make, mean, std):
    found = describe(make(), "uint8", None)["normalization"]
    np.testing.assert_allclose(found["mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(found["std"], std, rtol=1e-6)
    assert found["where"] == "in the file: it takes values from 0 to 255"


@pytest.mark.parametrize(
    ("input_dtype", "of_pixels", "takes"),
    [
        ("uint8", True, "values from 0 to 255"),
        ("float32", True, "values from 0 to 255"),
        ("int8", True, "values from 0 to 255, less 128"),
        ("float32", False, "images as the model does"),
    ],
)
def test_the_values_that_a_file_takes_are_told(input_dtype, of_pixels, takes):
    found = describe(model(norm()), input_dtype, None, of_pixels)["normalization"]
    assert found["where"] == f"in the file: it takes {takes}"


@pytest.mark.parametrize("make", [of_features, of_branches, lambda: model(norm(invert=True)), model])
def test_what_is_no_normalization_of_the_images_is_not_called_so(make):
    assert describe(make(), "uint8", None)["normalization"] is None


def test_images_that_are_not_pixel_values_are_not_called_so():
    found = describe(model(norm()), "float32", None, of_pixels=False)["normalization"]
    assert found["where"] == "in the file: it takes images as the model does"


@pytest.mark.parametrize(
    ("scale", "offset", "is_of_pixels"),
    [
        (0.5, 0.5, False),  # -1..1 to 0..1
        (2, -1, False),
        (1, [-0.5, -0.4, -0.4], False),
        (1 / 127.5, -1, True),
        (1 / 255, 0, True),
        (1, [-124, -117, -104], True),
    ],
)
def test_a_normalization_is_of_pixel_values_where_its_figures_are(scale, offset, is_of_pixels):
    assert normalizes_pixels(model(keras.layers.Rescaling(scale, offset))) is is_of_pixels


def test_a_normalization_of_pixel_values_tells_of_pixel_values():
    layer = keras.layers.Normalization(mean=[125.0, 123.0, 114.0], variance=[3969.0, 3844.0, 4489.0])
    found = describe(model(layer), "float32", None, of_pixels=False)
    assert found["input"]["values"] == [0, 255]
    assert found["normalization"]["where"] == "in the file: it takes values from 0 to 255"


def ending_in(*layers):
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def nested(activation):
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation)])
    inner(keras.Input((3,)))  # its first use
    return ending_in(keras.layers.Dense(3), inner, keras.layers.Activation("linear", dtype="float32"))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: ending_in(keras.layers.Dense(2, "sigmoid")), "sigmoid"),
        (model, None),
        (lambda: ending_in(keras.layers.Dense(2), keras.layers.Activation("sigmoid")), "sigmoid"),
        (lambda: ending_in(keras.layers.Dense(2), keras.ops.sigmoid), "sigmoid"),
        (lambda: ending_in(keras.layers.Dense(2), keras.layers.Softmax(), keras.layers.Identity()), "softmax"),
        (lambda: nested("sigmoid"), "sigmoid"),
        (lambda: nested("softmax"), "softmax"),
        (lambda: ending_in(keras.layers.Dense(2, "sigmoid"), keras.layers.Dense(2)), "linear"),
        (lambda: ending_in(keras.layers.Dense(2, "relu")), None),
        (lambda: ending_in(keras.layers.Dense(2, lambda x: x)), None),
        (lambda: ending_in(keras.ops.square), None),
    ],
)
def test_the_activation_is_that_of_the_predictions(make, expected):
    assert describe(make(), "uint8", None)["output"]["activation"] == expected


def test_the_activation_of_a_model_that_is_no_graph_is_that_of_its_last_layer():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.classifier = keras.layers.Dense(2, "sigmoid")

        def call(self, images):
            return self.classifier(images)

    assert last_activation(Own()) == "sigmoid"


def test_the_rule_of_resizing_is_told():
    assert describe(model(), "uint8", None)["input"]["resize"] == "crop"
    assert describe(model(), "uint8", None, resize="center")["input"]["resize"] == "center"


@pytest.mark.parametrize(
    ("layers", "input_dtype", "of_pixels", "values"),
    [
        ([], "uint8", True, [0, 255]),
        ([], "int8", True, [-128, 127]),
        ([], "float32", False, None),
        ([keras.layers.Rescaling(2.0, -1.0)], "float32", False, None),
        ([keras.layers.Rescaling(1 / 255)], "float32", False, [0, 255]),
    ],
    ids=["pixels", "int8", "others", "0 to 1", "rescaled"],
)
def test_the_values_of_the_images_are_told(layers, input_dtype, of_pixels, values):
    assert describe(model(*layers), input_dtype, None, of_pixels)["input"]["values"] == values
