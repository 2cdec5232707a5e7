"""Models of other precisions have a twin in float32, with their weights and answers."""

import keras
import numpy as np
import pytest

from dia_keras import backbones
from dia_keras.export.comparison import check_twin
from dia_keras.export.errors import ExportMismatchError
from dia_keras.inference.precision import in_float32

pytestmark = pytest.mark.tensorflow

IMAGES = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")


def small(**options):
    return backbones.resnet(8, "basic", attention="dia_lstm", input_shape=(16, 16, 3), **options)


def adapted():
    norm = keras.layers.Normalization()
    norm.adapt(IMAGES)
    return small(preprocessing=norm)


def with_lambda():
    inputs, middle = keras.Input((16, 16, 3)), float(IMAGES.mean())
    centered = keras.layers.Lambda(lambda x: (x - middle) / 255, output_shape=(16, 16, 3))(inputs)
    return keras.Model(inputs, small()(centered))


class Own(keras.Model):
    """A model with a training step, and an argument, of its own."""

    def __init__(self, weight_of_loss, **kwargs):
        super().__init__(**kwargs)
        self.weight_of_loss = weight_of_loss

    def train_step(self, *args):
        raise NotImplementedError


def of_own_class():
    model = small(preprocessing=keras.layers.Rescaling(1 / 255))
    return Own(2.0, inputs=model.inputs, outputs=model.outputs)


def of_models_that_share_a_layer():
    shared, inputs = keras.layers.Conv2D(3, 1), keras.Input((16, 16, 3))
    halves = [keras.Sequential([keras.Input((16, 16, 3)), shared, keras.layers.ReLU()]) for _ in range(2)]
    x = keras.layers.Rescaling(1 / 255)(inputs)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(halves[1](halves[0](x))))


def with_a_head_of_float64():
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(5, dtype="float64")(x))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16", "float64"])
@pytest.mark.parametrize(
    "net",
    [adapted, with_lambda, of_own_class, of_models_that_share_a_layer, with_a_head_of_float64],
    ids=lambda net: net.__name__,
)
def test_twin_has_the_weights_and_the_answers(net, policy):
    keras.config.set_dtype_policy(policy)
    model = net()
    keras.config.set_dtype_policy("float32")
    twin = in_float32(model)
    assert {layer.compute_dtype for layer in twin._flatten_layers()} == {"float32"}
    assert {weight.dtype for weight in twin.trainable_weights} == {"float32"}
    for new, old in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old.astype("float32"))
    answers = twin.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(answers, model.predict(IMAGES, verbose=0).astype("float32"), atol=0.03)
    check_twin(model, IMAGES, answers)


def test_model_in_float32_is_its_own_twin():
    model = small()
    assert in_float32(model) is model


def test_twin_that_answers_otherwise_is_an_error():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = small(num_classes=2)
    answers = model.predict(IMAGES, verbose=0).astype("float32")
    with pytest.raises(ExportMismatchError, match="does not answer in float32 as it does by itself: it differs by"):
        check_twin(model, IMAGES, 1.2 - answers)
    with pytest.raises(ExportMismatchError, match="it differs by nan"):
        check_twin(model, IMAGES, np.nan * answers)


class WithoutConfig(keras.layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def test_layer_that_cannot_be_copied_is_named():
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(WithoutConfig(keras.ops.relu)(inputs)))
    with pytest.raises(ValueError, match=r"'without_config' of mixed_bfloat16. Keras says: .* override `get_config"):
        in_float32(model)
