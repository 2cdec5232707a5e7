"""Networks rewritten for inference answer as the trained ones."""

import keras
import numpy as np
import pytest

from dia_keras import backbones
from dia_keras.export import optimize
from dia_keras.inference.fused_cells import FusedLSTMCell
from dia_keras.units import DIALSTMCell, RecurrentAttention

pytestmark = pytest.mark.eager

NETS = {
    "resnet, DIA-LSTM": lambda: backbones.resnet(11, attention="dia_lstm"),
    "resnet, Light": lambda: backbones.resnet(14, "basic", attention="dia_lstm_light"),
    "resnet, LSTM": lambda: backbones.resnet(14, "basic", attention="lstm"),
    "resnet, tanh, odd reduction": lambda: backbones.resnet(
        14, "basic", attention="dia_lstm", attention_config={"output_activation": "tanh", "reduction": 3}
    ),
    "resnet, stacked cells": lambda: backbones.resnet(14, "basic", attention="dia_lstm", attention_config={"cells": 2}),
    "resnet, GRU": lambda: backbones.resnet(8, "basic", attention=keras.layers.GRUCell),
    "resnet, shared SRM": lambda: backbones.resnet(14, "basic", attention="srm", shared=True),
    "resnet, SE": lambda: backbones.resnet(8, "basic", attention="se"),
    "resnet without norms": lambda: backbones.resnet(8, "basic", attention="dia_lstm", normalize=False),
    "preresnet": lambda: backbones.preresnet(8, "basic", attention="dia_lstm"),
    "wrn": lambda: backbones.wrn(10, 1, attention="dia_lstm_light"),
    "resnext": lambda: backbones.resnext(11, 4, 8, attention="dia_lstm"),
    "imagenet_resnet": lambda: backbones.imagenet_resnet(18, attention="dia_lstm", input_shape=(32, 32, 3)),
}
IMAGES = np.random.default_rng(1).normal(size=(3, 32, 32, 3)).astype("float32")


def randomize(model):
    rng = np.random.default_rng(0)
    for weight in model.weights:
        noise = rng.normal(size=weight.shape)
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(np.exp(0.3 * noise))
        elif "kernel" not in weight.name:
            weight.assign(0.3 * noise)
    return model


def numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.torch
@pytest.mark.parametrize("net", NETS)
def test_answers_are_the_same_to_rounding(net):
    model = randomize(NETS[net]())
    features = keras.Model(model.input, model.get_layer("pool").input)
    before = [numpy(w) for w in model.weights]
    # Features, since the probabilities hide differences.
    want, got = numpy(features(IMAGES)), numpy(optimize(features)(IMAGES))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * np.abs(want).max())
    np.testing.assert_allclose(numpy(optimize(model)(IMAGES)), numpy(model(IMAGES)), atol=1e-5)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), old)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("attention", "pool_first"), [("dia_lstm", False), ("dia_lstm", True), ("dia_lstm_light", True), ("lstm", True)]
)
def test_pooling_before_the_last_convolution_changes_nothing(attention, pool_first, tmp_path):
    model = randomize(backbones.resnet(20, attention=attention, input_shape=(24, 16, 3), include_top=False))
    images = IMAGES[:, :24, :16]
    twin = optimize(model, pool_first)
    want = numpy(model(images))
    np.testing.assert_allclose(numpy(twin(images)), want, rtol=1e-5, atol=1e-5 * np.abs(want).max())
    # Each block pools the quarter of the channels that its last convolution reads.
    pools = [layer for layer in twin.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    assert [pool.output.shape[-1] for pool in pools] == [16, 16, 32, 32, 64, 64]
    twin.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy(keras.models.load_model(tmp_path / "model.keras")(images)), numpy(twin(images)))


def test_a_loaded_model_whose_layers_have_the_names_that_keras_gives_is_rewritten(tmp_path):
    inputs = keras.Input((8, 8, 3))
    features, _ = RecurrentAttention(DIALSTMCell(8))(keras.layers.Conv2D(8, 1)(inputs))
    answer = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(features))
    keras.utils.clear_session()  # layers are counted from the beginning, as in another process
    keras.Model(inputs, answer).save(tmp_path / "model.keras")
    keras.utils.clear_session()
    model = randomize(keras.models.load_model(tmp_path / "model.keras"))
    np.testing.assert_allclose(numpy(optimize(model)(IMAGES[:, :8, :8])), numpy(model(IMAGES[:, :8, :8])), atol=1e-5)


@pytest.mark.parametrize("reduction", [1, 64])
def test_hidden_layers_as_wide_as_the_unit_or_of_one_value(reduction):
    config = {"reduction": reduction}
    model = randomize(backbones.resnet(11, attention="dia_lstm", attention_config=config, include_top=False))
    want = numpy(model(IMAGES))
    np.testing.assert_allclose(numpy(optimize(model)(IMAGES)), want, rtol=1e-5, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("net", ["resnet, Light", "resnet, DIA-LSTM"])
def test_one_image_is_as_many(net):
    model = optimize(randomize(NETS[net]()))
    np.testing.assert_allclose(numpy(model(IMAGES[:1])), numpy(model(IMAGES))[:1], rtol=1e-5, atol=1e-6)


def test_cells_may_have_one_name():
    model = backbones.resnet(11, attention=lambda n: DIALSTMCell(n, 8, name="dia"), input_shape=(8, 8, 3))
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    answers = [keras.ops.convert_to_numpy(each(images)) for each in (model, optimize(model))]
    np.testing.assert_allclose(*answers, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*LoRA")
def test_modules_with_lora_keep_their_answers():
    model = backbones.resnet(8, "basic", attention="se", input_shape=(8, 8, 3))
    denses = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dense)]
    for dense in denses[:-1]:
        dense.enable_lora(1)
        dense.lora_kernel_b.assign(np.ones(dense.lora_kernel_b.shape))
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    answers = [keras.ops.convert_to_numpy(each(images)) for each in (model, optimize(model))]
    np.testing.assert_allclose(*answers, atol=1e-5)


def test_channels_first_stay_first():
    """On a CPU, TensorFlow convolves only channels last: the graph alone is looked at."""
    inputs = keras.Input((4, 8, 8))
    features = keras.layers.Conv2D(16, 1, data_format="channels_first")(inputs)
    unit = RecurrentAttention(DIALSTMCell(16), "channels_first")
    twin = optimize(keras.Model(inputs, unit(features)[0]))
    assert twin.output.shape == (None, 16, 8, 8)
    pools = [layer for layer in twin.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    assert [pool.data_format for pool in pools] == ["channels_first"]


@pytest.mark.parametrize("build", [NETS["resnet, Light"], lambda: backbones.resnext(11, 8, 32, attention="dia_lstm")])
def test_pooling_stays_where_no_1x1_convolution_from_fewer_channels_precedes_it(build):
    twin = optimize(build(), pool_first=True)
    assert sum(isinstance(layer, RecurrentAttention) for layer in twin.layers) == 3


@pytest.mark.parametrize(
    ("net", "norms"),
    [("resnet, DIA-LSTM", 0), ("resnext", 0), ("imagenet_resnet", 0), ("wrn", 3 + 1), ("resnet, shared SRM", 6)],
)
def test_norms_are_folded_into_the_convolutions_before_them(net, norms):
    """Those that remain follow an addition, or SRM's styles: in a WRN, each block's first and the last."""
    layers = optimize(NETS[net]()).layers
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in layers) == norms
    assert not any(isinstance(layer, keras.layers.Identity) for layer in layers)


@pytest.mark.parametrize("attention", ["dia_lstm", "dia_lstm_light", "lstm"])
def test_cells_of_the_paper_are_fused_and_still_shared(attention):
    twin = optimize(backbones.resnet(14, "basic", attention=attention))
    units = [layer for layer in twin.layers if layer.name.endswith("_attention")]
    assert len(units) == 3 and all(isinstance(unit.cell, FusedLSTMCell) for unit in units)


def test_a_norm_whose_convolution_others_read_stays():
    inputs = keras.Input((8, 8, 3))
    conv = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    outputs = keras.layers.Add()([conv, keras.layers.BatchNormalization()(conv)])
    alone = keras.layers.BatchNormalization(scale=False, center=False)(keras.layers.Conv2D(4, 1)(outputs))
    model = randomize(keras.Model(inputs, [keras.layers.ReLU()(alone), conv]))
    twin = optimize(model)
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in twin.layers) == 1
    for got, want in zip(twin(IMAGES[:, :8, :8]), model(IMAGES[:, :8, :8]), strict=True):
        np.testing.assert_allclose(numpy(got), numpy(want), rtol=1e-4, atol=1e-5)


def test_a_network_compiled_with_an_optimizer_of_ones_own_is_rewritten():
    class Own(keras.optimizers.SGD):
        """An optimizer that Keras cannot make from its configuration."""

    images, model = np.ones((2, 32, 32, 3), "float32"), backbones.resnet(8, "basic", attention="dia_lstm")
    model.compile(Own(), "categorical_crossentropy")
    twin = optimize(model)
    assert model.compiled and not twin.compiled
    np.testing.assert_allclose(twin.predict(images, verbose=0), model.predict(images, verbose=0), atol=1e-5)


def test_a_rewritten_network_is_saved_and_loaded(tmp_path):
    twin = optimize(randomize(NETS["resnet, Light"]()))
    twin.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy(keras.models.load_model(tmp_path / "model.keras")(IMAGES)), numpy(twin(IMAGES)))


class Halved(keras.Model):
    def call(self, inputs, training=None):
        return super().call(inputs, training=training) / 2


@pytest.mark.parametrize("model", [keras.layers.Dense(2), Halved(*[keras.Input((4,), name="x")] * 2)])
def test_what_is_no_functional_model_is_refused(model):
    with pytest.raises(
        ValueError, match=rf"`model` must be a functional `keras.Model`.* Received: model=<{type(model).__name__}"
    ):
        optimize(model)


@pytest.mark.tensorflow
@pytest.mark.parametrize("attention", ["dia_lstm", "dia_lstm_light"])
def test_tflite_files_of_rewritten_networks_have_fewer_ops(attention, tmp_path):
    from dia_keras.export import to_tflite

    model = backbones.resnet(14, "basic", attention=attention)
    options = {"input_dtype": "uint8"}
    ops = [
        sum(to_tflite(model, tmp_path / "model.tflite", optimize=form, **options).ops.values())
        for form in (True, False)
    ]
    assert ops[0] < ops[1]


def after_convolution(layer, **settings):
    """A small net of a convolution and a layer that `optimize` might merge with it."""
    inputs = keras.Input((8, 8, 4))
    features = keras.layers.Conv2D(8, 1, **settings)(inputs)
    outputs = layer(features)
    return keras.Model(inputs, outputs[0] if isinstance(outputs, (list, tuple)) else outputs)


class HalfNorm(keras.layers.BatchNormalization):
    def call(self, inputs, training=None):
        return super().call(inputs, training=training) / 2


class HalfConv2D(keras.layers.Conv2D):
    def call(self, inputs):
        return super().call(inputs) / 2


class MaxAttention(RecurrentAttention):
    def call(self, inputs, states=None, training=False):
        attention, states = self.cell(keras.ops.max(inputs, self.spatial_axes), states)
        return inputs * keras.ops.expand_dims(attention, self.spatial_axes), states


def twice():
    """One convolution and one unit, in two places."""
    inputs = keras.Input((8, 8, 4))
    wide, narrow, unit = keras.layers.Conv2D(8, 1), keras.layers.Conv2D(4, 1), RecurrentAttention(DIALSTMCell(8))
    x, states = unit(wide(inputs))
    x, states = unit(wide(narrow(x)), states)
    return keras.Model(inputs, x)


def two_units():
    """Two units on what one convolution gives."""
    inputs = keras.Input((8, 8, 4))
    features = keras.layers.Conv2D(8, 1)(inputs)
    outputs = [RecurrentAttention(DIALSTMCell(8))(features)[0] for _ in range(2)]
    return keras.Model(inputs, keras.layers.Concatenate()(outputs))


def with_lambda():
    inputs = keras.Input((8, 8, 4))
    x = keras.layers.Lambda(lambda x: x / 255, output_shape=(8, 8, 4))(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 1)(x)))


def with_operations():
    inputs = keras.Input((8, 8, 4))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 1)(inputs / 2 - 1))
    backwards = keras.ops.flip(x, -1) if keras.backend.backend() == "torch" else x[..., ::-1]  # no negative steps there
    return keras.Model(inputs, keras.ops.relu(x + backwards))


def nested(**how):
    """A network in a model, as in transfer learning."""
    inputs = keras.Input((8, 8, 4))
    convolution = keras.Sequential([keras.layers.Conv2D(8, 1), keras.layers.BatchNormalization()])
    network = backbones.resnet(8, "basic", attention="dia_lstm", include_top=False, input_shape=(8, 8, 8))
    x = network(convolution(inputs), **how)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def in_training():
    inputs = keras.Input((8, 8, 4))
    return keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 1)(inputs), training=True))


def with_lora():
    inputs = keras.Input((8, 8, 4))
    convolution = keras.layers.Conv2D(8, 1)
    model = keras.Model(inputs, keras.layers.BatchNormalization()(convolution(inputs)))
    convolution.enable_lora(2)
    convolution.lora_kernel_b.assign(keras.ops.ones(convolution.lora_kernel_b.shape))
    return model


def with_lora_before_a_unit():
    inputs = keras.Input((8, 8, 4))
    convolution = keras.layers.Conv2D(8, 1)
    model = keras.Model(inputs, RecurrentAttention(DIALSTMCell(8))(convolution(inputs))[0])
    convolution.enable_lora(2)
    convolution.lora_kernel_b.assign(keras.ops.ones(convolution.lora_kernel_b.shape))
    return model


def with_adapted_normalization():
    norm = keras.layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(5, 3, (8, 8, 8, 4)))
    return keras.Sequential([keras.Input((8, 8, 4)), norm, keras.layers.Conv2D(8, 1), keras.layers.ReLU()])


def with_inputs_by_name():
    inputs = keras.Input((8, 8, 4))
    x = keras.layers.BatchNormalization()(inputs=keras.layers.Conv2D(8, 1)(inputs=inputs))
    return keras.Model(inputs, RecurrentAttention(DIALSTMCell(8))(inputs=keras.layers.Conv2D(8, 1)(inputs=x))[0])


def halved():
    inputs = keras.Input((8, 8, 4))
    return keras.Model(inputs, keras.layers.BatchNormalization()(HalfConv2D(8, 1)(inputs)))


def test_networks_in_a_model_are_rewritten_as_it_is():
    twin = optimize(nested())
    layers = list(twin._flatten_layers(include_self=False))
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    assert any(isinstance(layer, FusedLSTMCell) for layer in layers)


@pytest.mark.parametrize(
    "net",
    [
        lambda: after_convolution(RecurrentAttention(DIALSTMCell(8)), activation="relu"),
        lambda: after_convolution(keras.layers.BatchNormalization(axis=1)),
        lambda: after_convolution(keras.layers.BatchNormalization(), activation="relu"),
        lambda: after_convolution(HalfNorm()),
        lambda: after_convolution(MaxAttention(DIALSTMCell(8))),
        halved,
        in_training,
        twice,
        with_lora,
        with_lora_before_a_unit,
        with_adapted_normalization,
        with_inputs_by_name,
        two_units,
        with_lambda,
        with_operations,
        nested,
        lambda: nested(training=True),
    ],
    ids=[
        "activation before the pooling",
        "norm of rows",
        "activation before the norm",
        "other norm",
        "other attention",
        "other convolution",
        "norm in training",
        "convolution called twice",
        "convolution with LoRA",
        "convolution with LoRA before a unit",
        "adapted normalization",
        "inputs by name",
        "two units",
        "lambda",
        "operations",
        "nested",
        "nested, in training",
    ],
)
def test_unusual_nets_keep_their_answers(net):
    model = net()
    if not any(isinstance(layer, keras.layers.Normalization) for layer in model.layers):
        randomize(model)
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    want = numpy(model(images))
    np.testing.assert_allclose(numpy(optimize(model)(images)), want, rtol=1e-5, atol=1e-5 * np.abs(want).max())


class Sequential(keras.Sequential):
    """A model of the user's own that has the name of Keras' class and another answer."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training, mask=mask) / 2


def test_a_model_with_a_call_of_its_own_keeps_it_whatever_its_name_is():
    inner = Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.ReLU()(inner(inputs)))
    images = np.full((1, 8, 8, 3), 3.0, "float32")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(optimize(model)(images)), [[1.5] * 3], rtol=1e-6)
