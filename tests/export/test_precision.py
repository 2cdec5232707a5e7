"""Models of other precisions have a twin in float32, with their weights and answers."""

import keras
import numpy as np
import pytest

from dia_keras import backbones
from dia_keras.export.comparison import check_twin
from dia_keras.export.errors import ExportMismatchError
from dia_keras.inference.precision import in_float32, in_mixed_precision

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


class OwnOptimizer(keras.optimizers.SGD):
    """An optimizer that Keras cannot make from its configuration."""


def test_a_compiled_model_has_a_twin_which_is_not_compiled():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = small(preprocessing=keras.layers.Rescaling(1 / 255))
    keras.config.set_dtype_policy("float32")
    model.compile(OwnOptimizer(), "categorical_crossentropy")
    twin = in_float32(model)
    assert model.compiled and not twin.compiled and twin.name == model.name


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


def test_a_twin_of_mixed_precision_is_the_network_as_built_in_it():
    rescaling = [keras.layers.Rescaling(1 / 255, dtype="float32") for _ in range(2)]
    model = small(preprocessing=rescaling[0], num_classes=5)
    keras.config.set_dtype_policy("mixed_bfloat16")
    built = small(preprocessing=rescaling[1], num_classes=5)
    keras.config.set_dtype_policy("float32")
    built.set_weights(model.get_weights())
    twin = in_mixed_precision(model, "mixed_bfloat16")
    policies = [
        [each.dtype_policy.name for each in one._flatten_layers(False) if not isinstance(each, keras.layers.InputLayer)]
        for one in (twin, built)
    ]
    assert policies[0] == policies[1] and set(policies[0]) == {"float32", "mixed_bfloat16"}
    np.testing.assert_array_equal(twin.predict(IMAGES, verbose=0), built.predict(IMAGES, verbose=0))
    assert {weight.dtype for weight in twin.weights} == {"float32"}


def test_what_answers_within_a_model_within_the_model_stays_in_float32():
    inner = small(num_classes=5)
    outer = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Rescaling(1 / 255), inner])
    twin = in_mixed_precision(outer, "mixed_bfloat16")
    types = {layer.name: layer.compute_dtype for layer in twin._flatten_layers()}
    assert types["classifier"] == types["rescaling"] == "float32" and types["stem_conv"] == "bfloat16"
    assert twin.predict(IMAGES, verbose=0).dtype == "float32"


def test_the_twin_of_a_quantized_model_answers_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(5, "softmax")])
    model.layers[-1].quantize("int8")
    twin = in_float32(model)
    answers = twin.predict(IMAGES / 255, verbose=0)
    assert answers.dtype == "float32" and twin.layers[-1].quantization_mode == "int8"
    np.testing.assert_allclose(answers, model.predict(IMAGES / 255, verbose=0), atol=0.02)


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
