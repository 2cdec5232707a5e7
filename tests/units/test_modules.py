"""The modules without a state: values, counts, training, serialization, precision."""

import inspect
from functools import partial

import keras
import modules_reference as reference
import numpy as np
import pytest
from unit_cases import features, numpy, randomize

from dia_keras.units import CBAM, ECA, IE, SE, SEM, SGE, SPA, SPEM, SRM

# With settings that are not the defaults, for features of any number of channels.
MODULES = {
    "se": lambda **kwargs: SE(4, bias_initializer="ones", **kwargs),
    "se without biases": lambda **kwargs: SE(4, use_bias=False, **kwargs),
    "eca": lambda **kwargs: ECA(3, **kwargs),
    "ie": lambda **kwargs: IE(0.5, **kwargs),
    "cbam": lambda **kwargs: CBAM(4, 5, bias_initializer="ones", **kwargs),
    "cbam without biases": lambda **kwargs: CBAM(4, use_bias=False, **kwargs),
    "srm": lambda **kwargs: SRM(share_norm=True, **kwargs),
    "srm biased": lambda **kwargs: SRM(unbiased=False, **kwargs),
    "spa": lambda **kwargs: SPA(4, **kwargs),
    "sem": lambda **kwargs: SEM(4, bias_initializer="ones", **kwargs),
    "spem": lambda **kwargs: SPEM(0.3, **kwargs),
    "sge": lambda **kwargs: SGE(3, **kwargs),
    "sge biased": lambda **kwargs: SGE(3, unbiased=False, **kwargs),
}
each_module = pytest.mark.parametrize("name", MODULES)
XLA = {"tensorflow": [False, True], "jax": [True], "torch": [False]}
EAGERLY = keras.backend.backend() != "jax"


def random(name, shape, **kwargs):
    layer = MODULES[name](**kwargs)
    layer.build(shape)
    randomize(layer)
    for weight in layer.non_trainable_weights:  # variances are positive
        weight.assign(keras.ops.abs(weight) + 0.5)
    return layer


def reference_of(name):
    """Returns the module in NumPy, a function of weights and features."""
    function, _, form = name.partition(" ")
    return partial(getattr(reference, function), **({"unbiased": False} if form == "biased" else {}))


def regression(layer, shape=(8, 8, 12)):
    """A net that calls the module twice, as two blocks of a stage do, and a regression head."""
    x = inputs = keras.Input(shape)
    for _ in range(2):
        x = layer(keras.layers.Conv2D(shape[-1], 1)(x))
    return keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("shape", [(1, 8, 8, 12), (8, 4, 8, 15), (2, 7, 5, 9)], ids=str)
@each_module
def test_equals_the_numpy_reference(name, shape):
    layer, x = random(name, shape), features(*shape)
    expected = reference_of(name)(reference.weights(layer), x.astype("float64"))
    np.testing.assert_allclose(numpy(layer(x)), expected, rtol=2e-5, atol=2e-6)


@each_module
def test_channels_first_is_the_transpose(name):
    last = random(name, (2, 8, 5, 12))
    first = MODULES[name](data_format="channels_first")
    first.build((2, 12, 8, 5))
    first.set_weights(last.get_weights())
    x = features(2, 8, 5, 12)
    got = numpy(first(x.transpose(0, 3, 1, 2))).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(got, numpy(last(x)), rtol=1e-5, atol=1e-6)


COUNTS = {
    "se": lambda n: 2 * n * (n // 4) + n // 4 + n,
    "se without biases": lambda n: 2 * n * (n // 4),
    "eca": lambda n: 3,
    "ie": lambda n: 2 * n,
    "cbam": lambda n: 2 * n * (n // 4) + n // 4 + n + 2 * 25,
    "cbam without biases": lambda n: 2 * n * (n // 4) + 98,
    "srm": lambda n: 4 * n,
    "srm biased": lambda n: 4 * n,
    "spa": lambda n: 22 * n * (n // 4),
    "sem": lambda n: (3 * n + 3) + (2 * n * (n // 4) + n // 4 + n) + {12: 3, 48: 3, 96: 3}[n] + 2 * n,
    "spem": lambda n: 4 * n + 2,
    "sge": lambda n: 6,
    "sge biased": lambda n: 6,
}


@pytest.mark.parametrize("channels", [12, 48, 96])
@each_module
def test_parameters_are_as_many_as_the_formula_says(name, channels):
    layer = MODULES[name]()
    layer.build((None, 8, 8, channels))
    assert sum(int(np.prod(w.shape)) for w in layer.trainable_weights) == COUNTS[name](channels)


@pytest.mark.parametrize("channels, size", [(16, 3), (64, 3), (128, 5), (256, 5), (512, 5)])
def test_kernel_of_sem_is_odd(channels, size):
    layer = SEM()
    layer.build((None, 4, 4, channels))
    assert layer.conv.kernel.shape[0] == size


def test_hidden_layers_have_at_least_one_unit():
    for layer in (SE(64), CBAM(64), SPA(64), SEM(64)):
        layer.build((None, 4, 4, 16))
        assert layer.mlp.squeeze.units == 1


@pytest.mark.parametrize("jit_compile", XLA[keras.backend.backend()])
@each_module
def test_one_training_step_changes_every_weight(name, jit_compile):
    layer = MODULES[name]()
    model = regression(layer)
    if name.split()[0] in ("ie", "sem", "spem", "sge", "srm"):  # some start at zero, and hide others from the loss
        for weight in layer.trainable_weights:
            weight.assign(features(*weight.shape))
    before = [numpy(w) for w in model.trainable_weights]
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=not jit_compile, jit_compile=jit_compile)
    assert np.isfinite(model.train_on_batch(features(4, 8, 8, 12), np.ones((4, 1), "float32")))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.isfinite(numpy(weight)).all(), weight.path
        assert np.abs(numpy(weight) - old).max() > 0, weight.path


@pytest.mark.parametrize(
    "make, attention", [(IE, 0.2689414), (SRM, 0.5), (lambda: SGE(3), 0.7310586), (SPEM, 0.1192029 * 0.2689414)]
)
def test_attention_starts_as_a_constant(make, attention):
    """IE maps start at w = 0, b = -1; SRM's weights at 0; SGE's at w = 0, b = 1."""
    x = features(2, 4, 4, 12)
    np.testing.assert_allclose(numpy(make()(x)), attention * x, rtol=1e-5)


@pytest.mark.parametrize("make", [lambda **o: SE(4, **o), lambda **o: CBAM(4, **o), lambda **o: SEM(4, **o)])
def test_initial_biases_may_be_chosen(make):
    layer = make(bias_initializer="ones")
    layer.build((None, 4, 4, 12))
    biases = [numpy(w) for w in layer.weights if w.name == "bias"]
    assert len(biases) >= 2 and all((bias == 1).all() for bias in biases)


@each_module
def test_a_saved_model_answers_the_same(name, tmp_path):
    model = regression(random(name, (None, 8, 8, 12), data_format="channels_last"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = features(2, 8, 8, 12)
    np.testing.assert_allclose(numpy(loaded(x)), numpy(model(x)), rtol=1e-6)
    assert len(loaded.weights) == len(model.weights)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize("mode", ["int8", "float8"])
@pytest.mark.parametrize(
    "name",
    ["se", *(pytest.param(name, marks=pytest.mark.torch) for name in ("se without biases", "cbam", "spa", "sem"))],
)
def test_a_saved_quantized_model_answers_the_same(name, mode, tmp_path):
    """Modules with inner dense layers, to which quantization gives other weights."""
    model = regression(random(name, (None, 8, 8, 12), data_format="channels_last"))
    model.quantize(mode)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = features(2, 8, 8, 12)
    np.testing.assert_allclose(numpy(loaded(x)), numpy(model(x)), rtol=1e-5)
    policies = [layer.dtype_policy.name for layer in model._flatten_layers()]
    assert [layer.dtype_policy.name for layer in loaded._flatten_layers()] == policies
    assert f"{mode}_from_float32" in policies


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_a_saved_quantized_model_keeps_its_configuration(tmp_path):
    """Of weights alone: with activations quantized as well, answers would be others."""
    model = regression(random("se", (None, 8, 8, 12), data_format="channels_last"))
    model.quantize(config=keras.quantizers.Int8QuantizationConfig(activation_quantizer=None))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = features(2, 8, 8, 12)
    np.testing.assert_allclose(numpy(loaded(x)), numpy(model(x)), rtol=1e-6)
    denses = [layer for layer in loaded._flatten_layers() if isinstance(layer, keras.layers.Dense)]
    assert len(denses) == 3 and all(layer.quantization_config.activation_quantizer is None for layer in denses)


@each_module
def test_config_round_trip(name):
    layer = MODULES[name](data_format="channels_first", name="module")
    config = layer.get_config()
    assert inspect.signature(type(layer).__init__).parameters.keys() - {"self", "kwargs"} <= config.keys()
    assert config["data_format"] == "channels_first"
    assert type(layer).from_config(config).get_config() == config


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@each_module
def test_low_precision_stays_near_float32(name, policy):
    layer, x = random(name, (2, 8, 8, 12)), features(2, 8, 8, 12)
    expected = numpy(layer(x))
    low = MODULES[name](dtype=policy)
    low.build(x.shape)
    low.set_weights(layer.get_weights())
    out = low(x)
    assert keras.backend.standardize_dtype(out.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(numpy(out), expected, atol=8e-2)


@each_module
def test_unknown_sizes_are_fine_but_for_the_pyramid(name):
    layer = MODULES[name]()
    if name == "spa":
        with pytest.raises(ValueError, match=r"known height and width. Received: input_shape=\(None, None, None, 12"):
            layer(keras.Input((None, None, 12)))
        return
    x = keras.Input((None, None, 12))
    model = keras.Model(x, layer(x))
    assert model.output_shape == (None, None, None, 12)
    assert model(features(2, 5, 3, 12)).shape == (2, 5, 3, 12)


def test_spem_adds_the_squares_of_its_pooling_weights_to_the_loss():
    layer = SPEM(penalty=0.3)
    model = regression(layer)
    layer.pooling.assign([0.5, -2.0])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x, y = features(4, 8, 8, 12), np.zeros((4, 1), "float32")
    error = np.mean(numpy(model(x)) ** 2)
    # Once, though two blocks call it.
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), error + 0.3 * 4.25, rtol=1e-5)
    np.testing.assert_allclose(model.train_on_batch(x, y), error + 0.3 * 4.25, rtol=1e-5)


def test_spem_of_no_penalty_learns_from_the_data_alone():
    model = regression(SPEM(penalty=0.0))
    model.compile("sgd", "mse")
    x = features(4, 8, 8, 12)
    np.testing.assert_allclose(model.evaluate(x, np.zeros((4, 1)), verbose=0), np.mean(numpy(model(x)) ** 2), rtol=1e-5)


@pytest.mark.parametrize("name", ["srm", "srm biased"])
def test_srm_normalizes_by_the_batch_in_training(name):
    layer, x = random(name, (8, 4, 4, 12)), features(8, 4, 4, 12)
    expected = reference_of(name)(reference.weights(layer), x.astype("float64"), training=True)
    np.testing.assert_allclose(numpy(layer(x, training=True)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["srm", "sge"])
def test_the_two_spreads_differ_beyond_the_tolerance_of_these_tests(name):
    unbiased = random(name, (2, 4, 4, 12))
    biased = random(f"{name} biased", (2, 4, 4, 12))
    x = features(2, 4, 4, 12)
    assert np.abs(numpy(unbiased(x)) - numpy(biased(x))).max() > 1e-3


@pytest.mark.parametrize("name", ["srm", "sge"])
def test_a_config_from_before_the_spread_was_a_choice_is_biased(name):
    config = MODULES[name]().get_config()
    assert config.pop("unbiased") is True
    cls = type(MODULES[name]())
    assert cls.from_config(config).unbiased is False
    assert cls.from_config({**config, "unbiased": True}).unbiased is True


@pytest.mark.parametrize("name", ["srm", "sge"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_unbiased_spread_of_unknown_sizes(name, data_format):
    """The number of pixels is counted when the model is called."""
    layer = random(
        name,
        (2, None, None, 12) if data_format == "channels_last" else (2, 12, None, None),
        **{"data_format": data_format},
    )
    images = keras.Input((None, None, 12) if data_format == "channels_last" else (12, None, None))
    model = keras.Model(images, layer(images))
    x = features(2, 5, 3, 12)
    expected = reference_of(name)(reference.weights(layer), x.astype("float64"))
    transposed = (0, 3, 1, 2), (0, 2, 3, 1)
    got = model.predict(x if data_format == "channels_last" else x.transpose(transposed[0]), verbose=0)
    got = got if data_format == "channels_last" else got.transpose(transposed[1])
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["srm", "sge"])
def test_one_pixel_has_no_spread(name):
    layer = random(name, (2, 1, 1, 12))
    assert np.isfinite(numpy(layer(features(2, 1, 1, 12)))).all()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_pooling_weights_of_spem_may_be_tiny(policy):
    x = features(2, 4, 4, 12)
    outputs = []
    for size in (1.0, 1e-20, 0.0):
        layer = SPEM(dtype=policy)
        layer.build(x.shape)
        randomize(layer)
        layer.pooling.assign([0.5 * size, -0.25 * size])
        outputs.append(numpy(layer(x)))
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-2)
    assert np.isfinite(outputs[2]).all()


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_sge_of_even_pixels_has_finite_gradients(policy, unbiased):
    model = regression(SGE(3, unbiased=unbiased, dtype=policy))
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=EAGERLY)
    model.train_on_batch(np.ones((2, 8, 8, 12), "float32"), np.ones((2, 1), "float32"))
    assert all(np.isfinite(numpy(w)).all() for w in model.weights)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: SE(0), "`ratio` must be a positive integer. Received: ratio=0"),
        (lambda: CBAM(2.0), "`ratio` must be a positive integer. Received: ratio=2.0"),
        (lambda: CBAM(kernel_size=4), "`kernel_size` must be a positive odd integer. Received: kernel_size=4"),
        (lambda: ECA(2), "`kernel_size` must be a positive odd integer. Received: kernel_size=2"),
        (lambda: ECA(True), "`kernel_size` must be a positive odd integer. Received: kernel_size=True"),
        (lambda: SPA(-1), "`ratio` must be a positive integer. Received: ratio=-1"),
        (lambda: SEM("4"), "`ratio` must be a positive integer. Received: ratio='4'"),
        (lambda: SPEM(-0.1), "`penalty` must be a finite number, not negative. Received: penalty=-0.1"),
        (lambda: SPEM("0.1"), "`penalty` must be a finite number, not negative. Received: penalty='0.1'"),
        (lambda: SPEM(True), "`penalty` must be a finite number, not negative. Received: penalty=True"),
        (lambda: IE(float("nan")), "`shift` must be a finite number. Received: shift=nan"),
        (lambda: SE(use_bias="no"), "`use_bias` must be a bool. Received: use_bias='no'"),
        (lambda: CBAM(use_bias=1), "`use_bias` must be a bool. Received: use_bias=1"),
        (lambda: IE("0"), "`shift` must be a finite number. Received: shift='0'"),
        (lambda: SRM(32), "`share_norm` must be a bool. Received: share_norm=32"),
        (lambda: SRM(unbiased=1), "`unbiased` must be a bool. Received: unbiased=1"),
        (lambda: SGE(unbiased="no"), "`unbiased` must be a bool. Received: unbiased='no'"),
        (lambda: SGE(5)(features(1, 4, 4, 12)), "`groups` must divide the number of channels, 12. Received: groups=5"),
        (lambda: SRM(data_format="nchw"), "`data_format` must be.*Received: data_format='nchw'"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
