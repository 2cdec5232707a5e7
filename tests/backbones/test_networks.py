"""What every backbone promises besides its parameter counts."""

from functools import partial
from itertools import pairwise

import keras
import numpy as np
import preactivation_reference as reference
import pytest

from dia_keras.backbones import ATTENTIONS, imagenet_resnet, preresnet, resnet, resnext, stage_outputs, wrn
from dia_keras.backbones.blocks import basic_branch, post_activation_block
from dia_keras.backbones.network import Stage, build_network, small_stem
from dia_keras.units import CBAM, ECA, IE, SE, SEM, SPA, SPEM, SRM, AttentionModule, DIALSTMCell, RecurrentAttention

# A shallow one of each, with the widths of its stages.
SMALL = {
    "resnet": (lambda **options: resnet(11, **options), (64, 128, 256)),
    "basic resnet": (lambda **options: resnet(8, "basic", **options), (16, 32, 64)),
    "preresnet": (lambda **options: preresnet(11, **options), (64, 128, 256)),
    "basic preresnet": (lambda **options: preresnet(8, "basic", **options), (16, 32, 64)),
    "wrn": (lambda **options: wrn(10, 2, **options), (32, 64, 128)),
    "resnext": (lambda **options: resnext(11, 4, 8, **options), (128, 256, 512)),
}
#: What is trained for a step only is not compiled where that takes longer than the step; JAX has to.
EAGERLY = keras.backend.backend() != "jax"
each_backbone = pytest.mark.parametrize("build, widths", SMALL.values(), ids=SMALL)


def basic(depth=14, **options):
    return resnet(depth, "basic", **{"attention": "dia_lstm", "input_shape": (16, 16, 3), **options})


class NeedsMore(keras.layers.Layer):
    def __init__(self, channels, height):
        super().__init__()


class Plain(keras.layers.Layer):
    """A layer of somebody else: no argument, or one that is no width."""

    def __init__(self, factor=0.5, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs


class OfWidth(Plain):
    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width


def images(*sides):
    return np.random.default_rng(0).normal(size=(2, *(sides or (16, 16)), 3)).astype("float32")


def numpy(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))


def attentions(model):
    return [layer for layer in model.layers if layer.name.endswith("_attention")]


def calls(layers):
    """Returns `(tensors in, tensors out)` of the layers' calls in the functional graph; features come first."""
    return [(node.input_tensors, node.outputs) for layer in layers for node in layer._inbound_nodes]


def names(tensors):
    return [id(tensor) for tensor in tensors]


@each_backbone
def test_images_become_probabilities_and_stages_are_endpoints(build, widths):
    model = build(attention="dia_lstm", attention_config={"reduction": 4}, input_shape=(16, 16, 3), num_classes=7)
    features = stage_outputs(model)
    assert [tuple(t.shape) for t in features.values()] == [
        (None, 16 // 2**k, 16 // 2**k, width) for k, width in enumerate(widths)
    ]
    assert list(features) == ["stage1", "stage2", "stage3"]
    probabilities, features = keras.Model(model.input, (model.output, features))(images())
    np.testing.assert_allclose(numpy(probabilities).sum(-1), 1, rtol=1e-5)
    assert probabilities.shape == (2, 7)
    assert numpy(features["stage3"]).min() >= 0


@pytest.mark.eager
def test_imagenet_resnet_has_four_stages_of_stride_32():
    model = imagenet_resnet(18, attention="dia_lstm", input_shape=(64, 64, 3), include_top=False)
    shapes = {name: tuple(t.shape[1:]) for name, t in stage_outputs(model).items()}
    assert shapes == {"stage1": (16, 16, 64), "stage2": (8, 8, 128), "stage3": (4, 4, 256), "stage4": (2, 2, 512)}
    assert model(images(64, 64)).shape == (2, 2, 2, 512)
    assert imagenet_resnet(18).input_shape == (None, 224, 224, 3)


@pytest.mark.eager
def test_the_paper_s_depth_answers():
    model = resnet(164, attention="dia_lstm", input_shape=(8, 8, 3), num_classes=100)
    probabilities = numpy(model(images(8, 8)))
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)


def test_a_stage_is_the_paper_s_equation():
    """x' = ReLU(x + f(x) * h), h and the state from the stage's one cell (Eq. 4)."""
    model = basic(20)
    layer = model.get_layer
    wanted = stage_outputs(model)["stage1"]
    x, wanted = keras.Model(model.input, (layer("stem_relu").output, wanted))(images())
    cell, states = layer("stage1_attention").cell, None
    for block in ("stage1_block1", "stage1_block2", "stage1_block3"):
        y = keras.ops.relu(layer(f"{block}_bn1")(layer(f"{block}_conv1")(x)))
        y = layer(f"{block}_bn2")(layer(f"{block}_conv2")(y))
        attention, states = cell(keras.ops.mean(y, (1, 2)), states)
        x = keras.ops.relu(x + y * attention[:, None, None, :])
    np.testing.assert_allclose(numpy(x), numpy(wanted), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("backbone", [resnet, preresnet])
def test_the_state_is_carried_in_sight_through_a_stage(backbone, shared):
    """A block's unit takes the state tensors that the block before returned; a stage starts without."""
    model = backbone(20, "basic", attention="dia_lstm", shared=shared)
    for stage in (1, 2, 3):
        units = [layer for layer in attentions(model) if layer.name.startswith(f"stage{stage}_")]
        assert len(units) == (1 if shared else 3)
        blocks = calls(units)
        assert len(blocks) == 3
        assert len(blocks[0][0]) == 1
        for (_, returned), (given, _) in pairwise(blocks):
            assert len(given) == 3
            assert names(given[1:]) == names(returned[1:])
            assert all(isinstance(tensor, keras.KerasTensor) for tensor in given)


@pytest.mark.torch
@pytest.mark.parametrize("shared, layers", [(None, None), (True, 3), (False, 6)])
@pytest.mark.parametrize("attention", [*sorted(ATTENTIONS.keys() - {"srm"}), "function", "layer"])
def test_attention_is_shared_by_a_stage_or_per_block(attention, shared, layers):
    """By default a unit with a state is shared, an attention without is not."""
    stateless = attention not in ("dia_lstm", "dia_lstm_light", "lstm", "function")
    given = {"function": lambda n: DIALSTMCell(n, 2), "layer": SE(4, name="mine")}.get(attention, attention)
    found = attentions(basic(attention=given, shared=shared))
    assert len(found) == (layers or (6 if stateless else 3))
    assert len({id(w) for layer in found for w in layer.weights}) == sum(len(layer.weights) for layer in found)
    assert len(calls(found)) == 6
    assert all(isinstance(layer, AttentionModule if stateless else RecurrentAttention) for layer in found)


def test_srm_shares_its_styles_and_every_block_has_its_norm():
    """Section 7.3.2; the ablation of Fig. 11 shares both."""
    own, shared = basic(attention="srm"), basic(attention="srm", shared=True)
    ablation = basic(attention="srm", shared=True, attention_config={"share_norm": True})
    assert [len(attentions(model)) for model in (own, shared, ablation)] == [6, 6, 3]
    plain = len(basic(attention=None).trainable_weights)
    styles, norms = 1, 2
    added = [len(model.trainable_weights) - plain for model in (own, shared, ablation)]
    assert added == [6 * (styles + norms), 3 * styles + 6 * norms, 3 * (styles + norms)]
    found = [layer for layer in shared.layers if layer.name.endswith("_attention_style")]
    assert [len(calls([layer])) for layer in found] == [2, 2, 2]


def randomize(model):
    """Gives every weight another value: many start alike, and hide what is mixed up."""
    rng = np.random.default_rng(3)
    for weight in model.weights:
        scale = 0.3 * rng.uniform(size=weight.shape)
        weight.assign(1 + scale if weight.name in ("gamma", "moving_variance") else weight + scale - 0.15)


@pytest.mark.eager
def test_shared_srm_answers_as_one_per_block_with_equal_styles():
    """Each block's norm is its own, in the block's place."""
    shared, own = basic(attention="srm", shared=True), basic(attention="srm")
    randomize(shared)
    for layer in own.layers:
        if layer.name.endswith("_attention"):
            stage = layer.name.partition("_")[0]
            styles = shared.get_layer(f"{stage}_attention_style").get_weights()
            layer.set_weights([*styles, *shared.get_layer(f"{layer.name}_bn").get_weights()])
        elif layer.weights:
            layer.set_weights(shared.get_layer(layer.name).get_weights())
    np.testing.assert_allclose(numpy(shared(images())), numpy(own(images())), rtol=1e-5)


def test_shared_srm_trains_styles_and_norms():
    model = basic(attention="srm", shared=True)
    randomize(model)
    added = {w.path: w for w in model.weights if "attention" in w.path}
    before = {path: numpy(w) for path, w in added.items()}
    assert len(before) == 3 + 6 * 4
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=EAGERLY)
    model.train_on_batch(images(), np.zeros(2))
    assert all(np.abs(numpy(w) - before[path]).max() > 0 for path, w in added.items())


@pytest.mark.torch
@pytest.mark.parametrize("attention", sorted(ATTENTIONS))
@pytest.mark.parametrize("shared", [False, True])
def test_every_attention_is_saved_and_cloned_with_its_sharing(attention, shared, tmp_path):
    # One stage, of two blocks, has all there is.
    block = partial(post_activation_block, branch=basic_branch)
    parts = {"stem": small_stem(16), "stages": [Stage(16, 1, 2)], "block": block, "total_stride": 1}
    model = build_network(**parts, attention_defaults={}, attention=attention, shared=shared, input_shape=(16, 16, 3))
    assert len(attentions(model)) == (1 if shared and attention != "srm" else 2)
    randomize(model)
    model.save(tmp_path / "model.keras")
    loaded, clone = keras.models.load_model(tmp_path / "model.keras"), keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for copy in (loaded, clone):
        np.testing.assert_allclose(numpy(copy(images())), numpy(model(images())), rtol=1e-5)
        assert len(copy.weights) == len(model.weights)


@pytest.mark.parametrize("module", [SE, ECA, CBAM, SRM, SPA, SEM, SPEM, IE])
def test_the_class_of_a_module_is_as_good_as_a_module(module):
    by_class, by_object = basic(attention=module), basic(attention=module())
    configs = [[{**layer.get_config(), "name": ""} for layer in attentions(model)] for model in (by_class, by_object)]
    assert configs[0] == configs[1] and len(configs[0]) == 6


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_every_attention_fits_the_backbones_with_settings_of_their_own(attention):
    for model in (wrn(10, 1, attention=attention), resnext(11, 2, 4, attention=attention)):
        assert len(attentions(model)) == 3


@pytest.mark.parametrize(
    ("attention", "settings", "known"),
    [
        ("se", {"reduction": 8}, "ratio, use_bias"),
        ("dia_lstm", {"ratio": 8}, "cells, dropout, reduction"),
        ("eca", {"k": 7}, "k"),
    ],
)
def test_settings_that_an_attention_does_not_have(attention, settings, known):
    with pytest.raises(ValueError, match=f"`attention_config` for '{attention}' must have keywords among {known}"):
        basic(attention=attention, attention_config=settings)


def test_the_class_of_any_layer_is_as_good_as_a_layer():
    """One that asks for an argument gets the number of channels."""
    assert [layer.factor for layer in attentions(basic(8, attention=Plain))] == [0.5] * 3
    settings = {"attention_config": {"factor": 2.0}}
    assert [layer.factor for layer in attentions(basic(8, attention=Plain, **settings))] == [2.0] * 3
    found = attentions(basic(8, attention=OfWidth, **settings))
    assert [(layer.width, layer.factor) for layer in found] == [(16, 2.0), (32, 2.0), (64, 2.0)]
    assert [layer.cell.units for layer in attentions(basic(8, attention=keras.layers.GRUCell))] == [16, 32, 64]
    stacked = attentions(basic(8, attention=DIALSTMCell, attention_config={"cells": 2}))
    assert [len(layer.cell.cells) for layer in stacked] == [2, 2, 2]


def test_one_class_is_fine_without_a_softmax():
    for activation in ("sigmoid", None, keras.activations.sigmoid):
        assert basic(8, num_classes=1, classifier_activation=activation).output_shape == (None, 1)
    assert basic(8, num_classes=1, include_top=False).output_shape == (None, 4, 4, 64)


@pytest.mark.eager
def test_attention_settings_of_the_paper():
    def settings(model):
        layer = attentions(model)[0]
        layer = getattr(layer, "cell", layer)
        return {key: value for key, value in layer.get_config().items() if key in ("reduction", "ratio", "use_bias")}

    assert settings(resnet(11, attention="dia_lstm")) == {"reduction": 4}
    assert settings(resnet(11, attention="dia_lstm_light")) == {"reduction": 16}
    assert settings(resnet(11, attention="se")) == {"ratio": 16, "use_bias": True}
    assert settings(wrn(10, 2, attention="se")) == {"ratio": 4, "use_bias": True}
    assert settings(resnext(11, attention="se")) == {"ratio": 4, "use_bias": False}
    assert settings(resnext(11, attention="se", attention_config={"ratio": 8})) == {"ratio": 8, "use_bias": False}
    assert settings(resnet(11, attention="cbam")) == {"ratio": 16, "use_bias": True}
    assert settings(wrn(10, 2, attention="cbam")) == {"ratio": 16, "use_bias": False}
    assert settings(resnext(11, attention="cbam")) == {"ratio": 16, "use_bias": False}
    assert settings(wrn(10, 2, attention="spa")) == {"ratio": 16}
    assert settings(resnext(11, attention="spa")) == {"ratio": 4}
    assert settings(wrn(10, 2, attention="sem")) == settings(resnext(11, attention="sem")) == {"ratio": 4}
    assert settings(imagenet_resnet(18, attention="dia_lstm")) == {"reduction": 4}
    assert settings(imagenet_resnet(50, attention="dia_lstm")) == {"reduction": 20}


def test_a_unit_may_fit_the_widths_of_this_network_alone():
    model = resnext(11, attention=lambda n: DIALSTMCell(n, reduction=100))
    assert [layer.cell.units for layer in attentions(model)] == [128, 256, 512]


def test_attention_stages():
    assert [layer.name for layer in attentions(basic(attention_stages=(1, 3)))] == [
        "stage1_attention",
        "stage3_attention",
    ]
    assert not attentions(basic(attention=None))
    assert not attentions(basic(attention_stages=()))


@pytest.mark.parametrize("build", [lambda **o: preresnet(11, **o), lambda **o: wrn(10, 2, **o)])
def test_recurrent_attention_of_pre_activation_nets_is_normalized_first(build):
    def extra_norms(**options):
        return [layer.name for layer in build(**options).layers if layer.name.endswith("_attention_bn")]

    assert extra_norms(attention="dia_lstm", attention_stages=(1, 2)) == [
        "stage1_block1_attention_bn",
        "stage2_block1_attention_bn",
    ]
    assert extra_norms(attention="se") == extra_norms() == []


PREACTIVATION = {
    "preresnet": (lambda **o: preresnet(14, "basic", **o), (16, 32, 64), 2, "raw", True),
    "preresnet of pytorchcv": (
        lambda **o: preresnet(14, "basic", projection="activated", norm_before_cells=False, **o),
        (16, 32, 64),
        2,
        "activated",
        False,
    ),
    "preresnet, activated": (
        lambda **o: preresnet(14, "basic", projection="activated", **o),
        (16, 32, 64),
        2,
        "activated",
        True,
    ),
    "wrn": (lambda **o: wrn(16, 1, dropout=0.0, **o), (16, 32, 64), 2, "activated", True),
    "wrn, wide": (lambda **o: wrn(10, 2, dropout=0.0, **o), (32, 64, 128), 1, "activated", True),
}


@pytest.mark.eager
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("form", PREACTIVATION)
def test_pre_activation_networks_are_those_of_their_definitions(form, training):
    build, *definition = PREACTIVATION[form]
    model = build(attention="dia_lstm", input_shape=(8, 8, 3), classifier_activation=None)
    randomize(model)
    w, x = reference.weights(model), images(8, 8)
    expected = reference.Network(w, training).logits(x.astype("float64"), *definition)
    got = numpy(model(x, training=training))
    np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max())
    if training:  # the moving variance is Keras', of the biased variance
        features = reference.conv(x.astype("float64"), w["stem_conv/kernel"], 1)
        moved = 0.9 * w["stage1_block1_bn1/moving_variance"] + 0.1 * features.var((0, 1, 2))
        np.testing.assert_allclose(numpy(model.get_layer("stage1_block1_bn1").moving_variance), moved, rtol=1e-4)


def test_the_two_projections_answer_otherwise_with_equal_weights():
    raw, activated = (
        preresnet(14, "basic", attention="dia_lstm", projection=projection, input_shape=(16, 16, 3))
        for projection in ("raw", "activated")
    )
    randomize(raw)
    activated.set_weights(raw.get_weights())
    assert np.abs(numpy(raw(images())) - numpy(activated(images()))).max() > 1e-3


def test_without_batch_norm_stem_and_shortcuts_keep_theirs():
    norms = [layer.name for layer in resnet(11, normalize=False).layers if "_bn" in layer.name]
    assert norms == ["stem_bn", "stage1_block1_shortcut_bn", "stage2_block1_shortcut_bn", "stage3_block1_shortcut_bn"]


@each_backbone
def test_without_skip_connections(build, widths):
    model = build(attention="dia_lstm", skip=False, input_shape=(16, 16, 3))
    assert not [layer.name for layer in model.layers if isinstance(layer, keras.layers.Add) or "shortcut" in layer.name]
    assert list(stage_outputs(model)) == ["stage1", "stage2", "stage3"]
    assert np.isfinite(numpy(model(images()))).all()


def test_dropout_of_wrn():
    rates = [layer.rate for layer in wrn(10, 2).layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.3] * 3
    assert not [layer for layer in wrn(10, 2, dropout=0).layers if isinstance(layer, keras.layers.Dropout)]


def test_groups_of_resnext():
    convs = [layer for layer in resnext(11, 8, 32).layers if layer.name.endswith("block1_conv2")]
    assert [(layer.groups, layer.filters) for layer in convs] == [(8, 256), (8, 512), (8, 1024)]


def test_without_the_top_networks_answer_with_features_or_their_mean_or_maximum():
    assert basic(include_top=False).output_shape == (None, 4, 4, 64)
    average, largest = (basic(include_top=False, pooling=pooling) for pooling in ("avg", "max"))
    assert average.output_shape == largest.output_shape == (None, 64)
    largest.set_weights(average.get_weights())
    features = keras.Model(average.input, stage_outputs(average)["stage3"])(images())
    np.testing.assert_allclose(numpy(average(images())), numpy(features).mean((1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numpy(largest(images())), numpy(features).max((1, 2)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [None, (None, None, 3), (20, None, 3), (20, 12, 3)])
def test_networks_take_images_of_the_size_that_the_shape_leaves_open(shape):
    model = basic(input_shape=shape, num_classes=5)
    assert model.input_shape == (None, *(shape or (None, None, 3)))
    assert model(images(20, 12)).shape == (2, 5)


def test_any_number_of_channels():
    assert basic(input_shape=(16, 16, 1)).get_layer("stem_conv").kernel.shape[2] == 1


def test_logits_on_request():
    model, logits = basic(), basic(classifier_activation=None)
    logits.set_weights(model.get_weights())
    np.testing.assert_allclose(numpy(keras.ops.softmax(logits(images()))), numpy(model(images())), rtol=1e-5, atol=1e-6)


def test_preprocessing_is_part_of_the_model():
    scaled, plain = basic(preprocessing=keras.layers.Rescaling(1 / 255)), basic(name="plain")
    plain.set_weights(scaled.get_weights())
    pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype("uint8")
    np.testing.assert_allclose(
        numpy(scaled(pixels)), numpy(plain(pixels.astype("float32") / 255)), rtol=1e-4, atol=1e-6
    )
    assert plain.name == "plain"


def test_channels_first_is_the_same_network():
    last = resnet(11, attention="dia_lstm", input_shape=(16, 16, 3))
    keras.config.set_image_data_format("channels_first")
    first = resnet(11, attention="dia_lstm", input_shape=(3, 16, 16))
    assert [w.shape for w in first.weights] == [w.shape for w in last.weights]
    assert [t.shape[1:] for t in stage_outputs(first).values()] == [(64, 16, 16), (128, 8, 8), (256, 4, 4)]
    assert resnet(11, input_shape=None).input_shape == (None, 3, None, None)


CHANNELS_FIRST = {
    **{
        f"{attention}{', shared' * shared}": lambda attention=attention, shared=shared, **options: resnet(
            14 if shared else 8, "basic", attention=attention, shared=shared, **options
        )
        for attention, shared in [*((name, False) for name in ATTENTIONS), ("srm", True), ("dia_lstm", True)]
    },
    "resnet": lambda **options: resnet(11, attention="dia_lstm", **options),
    "preresnet": lambda **options: preresnet(8, "basic", attention="dia_lstm", **options),
    "wrn": lambda **options: wrn(10, 1, attention="dia_lstm", dropout=0.0, **options),
    "resnext": lambda **options: resnext(20, 2, 4, attention="dia_lstm", **options),
    "imagenet": lambda **options: imagenet_resnet(18, attention="dia_lstm", **options),
}


# On JAX, one that trains is enough.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.eager] * (name != "dia_lstm, shared")) for name in CHANNELS_FIRST]
)
def test_channels_first_answers_and_trains_as_channels_last(name):
    build = CHANNELS_FIRST[name]
    last = build(input_shape=(32, 32, 3))
    randomize(last)
    keras.config.set_image_data_format("channels_first")
    first = build(input_shape=(3, 32, 32))
    first.set_weights(last.get_weights())
    x = images(32, 32)
    np.testing.assert_allclose(numpy(first(x.transpose(0, 3, 1, 2))), numpy(last(x)), rtol=1e-3, atol=1e-5)
    if name in ("dia_lstm, shared", "srm, shared", "resnext", "imagenet"):
        for model in (first, last):
            model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=EAGERLY)
        losses = [first.train_on_batch(x.transpose(0, 3, 1, 2), np.array([1, 2]))]
        keras.config.set_image_data_format("channels_last")
        losses.append(last.train_on_batch(x, np.array([1, 2])))
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_mixed_precision_ends_in_a_float32_head():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = basic()
    assert model.output.dtype == model.get_layer("classifier").compute_dtype == "float32"
    assert stage_outputs(model)["stage3"].dtype == "bfloat16"
    probabilities = model(images())
    assert keras.backend.standardize_dtype(probabilities.dtype) == "float32"
    np.testing.assert_allclose(numpy(probabilities).sum(-1), 1, rtol=1e-4)


def test_one_training_step_changes_every_weight():
    model = basic()
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=EAGERLY)
    before = [numpy(w) for w in model.trainable_weights]
    assert np.isfinite(model.train_on_batch(images(), np.array([1, 2])))
    assert [w.path for w, old in zip(model.trainable_weights, before, strict=True) if (numpy(w) == old).all()] == []


@pytest.mark.parametrize(
    "build",
    [
        basic,
        *(
            pytest.param(build, marks=pytest.mark.eager)
            for build in (
                lambda: basic(attention="dia_lstm", attention_config={"cells": 2}),
                lambda: preresnet(14, "basic", attention="dia_lstm_light", attention_config={"reduction": 4}),
                lambda: wrn(10, 1, attention="se"),
                lambda: basic(attention=keras.layers.GRUCell),
            )
        ),
    ],
    ids=["dia_lstm", "stacked", "light", "se", "GRUCell"],
)
def test_saved_and_loaded_it_answers_the_same(build, tmp_path):
    model = build()
    x = images(*model.input_shape[1:3])
    expected = numpy(model(x))
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(numpy(keras.saving.load_model(tmp_path / "model.keras")(x)), expected, rtol=1e-5)
    model.save_weights(tmp_path / "model.weights.h5")
    twin = build()
    assert np.abs(numpy(twin(x)) - expected).max() > 1e-6
    twin.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(numpy(twin(x)), expected, rtol=1e-5)


def test_initial_values_and_norms_are_the_authors():
    model = resnet(11, attention="dia_lstm", num_classes=100)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = numpy(layer.kernel)
            assert layer.bias is None
            assert kernel.std() == pytest.approx(np.sqrt(2 / (kernel.shape[0] ** 2 * kernel.shape[3])), rel=0.15)
        elif isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)
    head = model.get_layer("classifier")
    for values in (numpy(head.kernel), numpy(head.bias)):
        assert 0.8 / np.sqrt(256) < np.abs(values).max() <= 1 / np.sqrt(256)


@pytest.mark.parametrize("attention", [None, "dia_lstm", "dia_lstm_light", "lstm", "se", "cbam", "sem"])
@pytest.mark.parametrize("build", [lambda **o: resnext(11, 2, 4, **o), lambda **o: wrn(10, 1, **o)])
def test_linear_biases_of_resnext_and_wrn_start_at_zero(build, attention):
    model = build(attention=attention)
    biases = {w.path: numpy(w) for layer in attentions(model) for w in layer.weights if "bias" in w.name}
    biases["classifier"] = numpy(model.get_layer("classifier").bias)
    assert [path for path, bias in biases.items() if bias.any()] == []


def test_kernels_of_resnext_start_as_the_authors():
    model = resnext(29, num_classes=100)
    assert numpy(model.get_layer("classifier").kernel).std() == pytest.approx(np.sqrt(2 / 512), rel=0.05)
    kernel = numpy(model.get_layer("stage1_block2_conv1").kernel)
    assert kernel.std() == pytest.approx(np.sqrt(2 / kernel.shape[-1]), rel=0.05)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: resnet(20, skip="no"), "`skip` must be a bool. Received: skip='no'"),
        (lambda: resnet(20, normalize="False"), "`normalize` must be a bool. Received: normalize='False'"),
        (lambda: preresnet(20, skip=0), "`skip` must be a bool. Received: skip=0"),
        (lambda: wrn(16, 1, skip="no"), "`skip` must be a bool. Received: skip='no'"),
        (lambda: wrn(16, 1, dropout="0.3"), r"`dropout` must be in \[0, 1\). Received: dropout='0.3'"),
        (lambda: resnext(29, 1, 4, skip="no"), "`skip` must be a bool. Received: skip='no'"),
        (lambda: resnet(57), "`depth` must be 9 n . 2: 11, 20, 29, .*Received: depth=57"),
        (lambda: resnet(21, "basic"), "`depth` must be 6 n . 2: 8, 14, 20, .*Received: depth=21"),
        (lambda: resnet(2), "`depth` must be.*Received: depth=2"),
        (lambda: resnet("164"), "`depth` must be.*Received: depth='164'"),
        (lambda: preresnet(165), "`depth` must be 9 n . 2.*Received: depth=165"),
        (lambda: wrn(50), "`depth` must be 6 n . 4: 10, 16, 22, .*Received: depth=50"),
        (lambda: resnext(100), "`depth` must be 9 n . 2.*Received: depth=100"),
        (lambda: imagenet_resnet(152), "`depth` must be one of 18, 34, 50, 101.*Received: depth=152"),
        (lambda: resnet(20, "wide"), "`block` must be 'bottleneck' or 'basic'.*Received: block='wide'"),
        (lambda: wrn(10, 0), "`widen` must be.*Received: widen=0"),
        (lambda: wrn(10, dropout=1), r"`dropout` must be in \[0, 1\).*Received: dropout=1"),
        (lambda: resnext(11, 0), "`cardinality` must be.*Received: cardinality=0"),
        (lambda: resnext(11, 8, 1.5), "`group_width` must be.*Received: group_width=1.5"),
        (lambda: basic(attention="cbam2"), "`attention` must be None, one of 'dia_lstm'.*Received: attention='cbam2'"),
        (lambda: basic(attention=4), "`attention` must be.*Received: attention=4"),
        (lambda: basic(attention=DIALSTMCell(16)), "pass a function of the channel count.*Received: attention="),
        (lambda: basic(attention=lambda n: n), "must be a function that returns a layer.*Received: .*returns 16"),
        (lambda: basic(attention=lambda n: DIALSTMCell(32)), "as wide as the features have channels.*of width 32"),
        (lambda: basic(attention_config={"reduction": 17}), "`reduction` must be.*Received: reduction=17"),
        (lambda: basic(attention=None, attention_config={"reduction": 4}), "`attention_config` needs an `attention`"),
        (lambda: basic(attention=None, shared=True), "`shared` needs an `attention`. Received: shared=True"),
        (lambda: basic(attention=None, shared=False), "`shared` needs an `attention`. Received: shared=False"),
        (lambda: wrn(10, attention_stages=(1,)), r"`attention_stages` needs an `attention`. Received: .*=\(1,\)"),
        (lambda: basic(attention="SE"), "Did you mean 'se'. Received: attention='SE'"),
        (lambda: basic(attention="DIA-LSTM"), "Did you mean 'dia_lstm'. Received: attention='DIA-LSTM'"),
        (lambda: basic(attention="cbma"), "Did you mean 'cbam'. Received: attention='cbma'"),
        (
            lambda: basic(attention=NeedsMore),
            "must take 16 channels and the keywords in `attention_config`: .*'height'.*Received: attention=.*NeedsMore",
        ),
        (
            lambda: basic(attention=lambda n: SE(4), attention_config={"ratio": 4}),
            "must take 16 channels and the keywords in `attention_config`: .*'ratio'.*attention_config={'ratio': 4}",
        ),
        (
            lambda: basic(attention=SE(4), attention_config={"reduction": 4}),
            "for a layer must have keywords of its config, .*ratio.*Received: attention_config={'reduction': 4}",
        ),
        (
            lambda: resnext(11, attention="se", attention_config={"reduction": 8}),
            "Received: attention_config={'reduction': 8}",  # without the backbone's own
        ),
        (
            lambda: basic(num_classes=1),
            "`num_classes` must be at least 2 with a softmax.*Received: num_classes=1, classifier_activation='softmax'",
        ),
        (lambda: preresnet(11, projection="pre"), "`projection` must be 'raw' or 'activated'.*Received: .*'pre'"),
        (lambda: preresnet(11, norm_before_cells=None), "`norm_before_cells` must be a bool. Received: .*None"),
        (lambda: basic(shared="yes"), "`shared` must be None, True or False. Received: shared='yes'"),
        (lambda: basic(attention=keras.layers.LSTM), "must be an RNN cell, such as `keras.layers.LSTMCell`.*: LSTM"),
        (lambda: resnet(32), r"`depth` must be 9 n \+ 2: .*those of `block=\"basic\"`.*Received: depth=32"),
        (lambda: basic(shared=1), "`shared` must be None, True or False. Received: shared=1"),
        (lambda: basic(attention_stages=(0, 4)), r"from 1 to 3.*Received: attention_stages=\(0, 4\)"),
        (lambda: basic(attention_stages=(True,)), r"from 1 to 3.*Received: attention_stages=\(True,\)"),
        (lambda: basic(attention_stages=2), "from 1 to 3.*Received: attention_stages=2"),
        (
            lambda: basic(attention=lambda n: SE(4), attention_config=["reduction"]),
            "`attention_config` must be a dictionary. Received: attention_config=",
        ),
        (lambda: basic(input_shape=(3, 32, 3)), r"at least 4 pixels.*Received: input_shape=\(3, 32, 3\)"),
        (
            lambda: imagenet_resnet(18, input_shape=(31, 64, 3)),
            r"at least 32 pixels.*Received: input_shape=\(31, 64, 3\)",
        ),
        (lambda: imagenet_resnet(18, stride_in_1x1=True), "is for bottlenecks, which depth 18 does not have"),
        (lambda: resnext(11, filters=0), "`filters` must be a positive integer.*Received: filters=0"),
        (
            lambda: basic(input_shape=(32, 32)),
            r"`input_shape` must be three integers.*Received: input_shape=\(32, 32\)",
        ),
        (lambda: basic(input_shape=(32, 32, None)), "`input_shape` must be three integers.*None"),
        (lambda: basic(input_shape=("32", 32, 3)), "`input_shape` must be three integers.*Received: .*'32'"),
        (lambda: basic(include_top="no"), "`include_top` must be a bool. Received: include_top='no'"),
        (lambda: basic(num_classes=0), "`num_classes` must be a positive integer.*Received: num_classes=0"),
        (lambda: basic(include_top=False, pooling="sum"), "`pooling` must be.*Received: pooling='sum'"),
        (lambda: stage_outputs(keras.Sequential([keras.Input((2,))])), "`model` must be a backbone of dia_keras"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.torch
def test_an_error_in_a_function_of_the_user_s_is_its_own():
    def wrong(channels, reduction=4):
        return SE("4" / reduction)

    with pytest.raises(TypeError, match="unsupported operand"):
        basic(attention=wrong)
    with pytest.raises(TypeError, match="unsupported operand"):
        basic(attention=type("Wrong", (SE,), {"__init__": wrong}))


@pytest.mark.parametrize("attention", ["dia_lstm", "dia_lstm_light", "lstm", "se"])
def test_named_attentions_take_the_settings_of_every_layer(attention):
    settings = {"dtype": "mixed_bfloat16", "trainable": False}
    unit = basic(attention=attention, attention_config=settings).get_layer(
        "stage1_attention" if attention != "se" else "stage1_block1_attention"
    )
    cell = getattr(unit, "cell", unit)
    assert cell.compute_dtype == "bfloat16" and not cell.trainable_weights


class Own(DIALSTMCell):
    """A cell of one's own, which is the paper's."""

    def __init__(self, units, slope=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.slope = slope


@pytest.mark.parametrize("cells", [1, 2])
def test_a_subclass_of_a_cell_is_the_cell(cells):
    model = resnet(8, "basic", attention=Own, attention_config={"slope": 2.0, "cells": cells, "reduction": 8})
    units = [layer.cell for layer in model.layers if isinstance(layer, RecurrentAttention)]
    firsts = [cell if cells == 1 else cell.cells[0] for cell in units]
    assert [(type(cell), cell.slope, cell.reduction) for cell in firsts] == [(Own, 2.0, 8)] * 3
    assert cells == 1 or [len(cell.cells) for cell in units] == [2] * 3


@pytest.mark.torch
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", sorted(ATTENTIONS))
def test_a_frozen_attention_is_frozen_with_all_its_parts(name, shared, tmp_path):
    options = {"attention": name, "shared": shared, "input_shape": (8, 8, 3)}
    model = resnet(8, "basic", **options, attention_config={"trainable": False})
    assert [weight.path for weight in model.trainable_variables if "attention" in weight.path] == []
    model = resnet(8, "basic", **options)
    for layer in model.layers:
        layer.trainable = "attention" not in layer.name
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [weight.path for weight in loaded.trainable_variables if "attention" in weight.path] == []
    assert loaded.trainable_variables
