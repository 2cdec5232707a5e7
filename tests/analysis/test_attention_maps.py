"""The attention of a block is the factor that its channels are scaled by."""

import keras
import numpy as np
import pytest
from small_networks import run, small

from dia_keras.analysis import attention_by_stage, plot_attention
from dia_keras.units import SE, DIALSTMCell, RecurrentAttention


def test_the_attention_of_a_dia_unit_is_its_hidden_state(dia, images):
    found = attention_by_stage(dia, images, batch_size=2)
    assert {stage: h.shape for stage, h in found.items()} == {1: (3, 2, 16), 2: (3, 2, 32), 3: (3, 2, 64)}
    for stage in (1, 2, 3):
        unit = dia.get_layer(f"stage{stage}_attention")
        states = keras.Model(dia.input, [node.outputs[1] for node in unit._inbound_nodes])(images)
        for number, state in enumerate(states):
            np.testing.assert_allclose(found[stage][:, number], keras.ops.convert_to_numpy(state), rtol=1e-4)


class ResidualSE(SE):
    """SE that adds the recalibrated features to the features."""

    def call(self, inputs):
        return inputs + super().call(inputs)


class ResidualUnit(RecurrentAttention):
    """A DIA unit that does the same."""

    def call(self, inputs, states=None, training=False):
        recalibrated, states = super().call(inputs, states, training)
        return inputs + recalibrated, states


@pytest.mark.parametrize(
    "options",
    [
        {"attention": ResidualSE},
        {"attention": lambda channels: ResidualUnit(DIALSTMCell(channels))},
        {"attention": keras.layers.GRUCell},
        {"attention": "lstm"},
        {"attention": "dia_lstm", "attention_config": {"cells": 2}},
        {"attention": "se"},
        {"attention": "sem"},
        {"attention": "srm"},
        {"attention": "srm", "shared": True},
    ],
)
def test_the_features_times_the_attention_are_the_recalibrated_ones(options, images):
    model = small(8, attention_stages=(2,), **options)
    (h,) = attention_by_stage(model, images).values()
    features, shortcut, added = run(
        model, images, "stage2_block1_bn2", "stage2_block1_shortcut_bn", "stage2_block1_add"
    )
    np.testing.assert_allclose(features * h[:, 0, None, None], added - shortcut, rtol=1e-3, atol=1e-5)


def test_modules_of_ones_own_have_a_block_each_in_their_order(images):
    model = small(attention="se", attention_stages=(1,))
    (h,) = attention_by_stage(model, images).values()
    for number in (1, 2):
        (features,) = run(model, images, f"stage1_block{number}_bn2")
        expected = model.get_layer(f"stage1_block{number}_attention").attention(features)
        np.testing.assert_allclose(h[:, number - 1], keras.ops.convert_to_numpy(expected)[:, 0, 0], rtol=1e-4)


def test_what_differs_from_place_to_place_has_the_closest_factor(images):
    model = small(8, attention="cbam", attention_stages=(1,))
    (h,) = attention_by_stage(model, images).values()
    x, shortcut, added = run(model, images, "stage1_block1_bn2", "stem_relu", "stage1_block1_add")
    expected = (x * (added - shortcut)).sum((1, 2)) / (x * x).sum((1, 2))
    np.testing.assert_allclose(h[:, 0], expected, rtol=1e-3)


def test_a_channel_that_is_zero_has_the_factor_zero_and_a_tiny_one_its_own(images):
    model = small(8, attention=keras.layers.Rescaling(0.5), attention_stages=(1,))
    norm = model.get_layer("stage1_block1_bn2")
    norm.gamma.assign(np.r_[0, 1e-30, np.ones(14)])
    norm.beta.assign(np.zeros(16))
    (h,) = attention_by_stage(model, images).values()
    np.testing.assert_allclose(h, np.broadcast_to(np.r_[0, np.full(15, 0.5)], (3, 1, 16)), rtol=1e-5)


def test_one_module_for_a_stage_is_called_in_every_block(images):
    model = small(attention=SE, shared=True)
    (h,) = {stage: h for stage, h in attention_by_stage(model, images).items() if stage == 3}.values()
    assert h.shape == (3, 2, 64) and np.abs(h[:, 0] - h[:, 1]).max() > 1e-4


def test_a_network_without_attention_is_an_error(plain, images):
    with pytest.raises(ValueError, match=r"with attention. Received: model="):
        attention_by_stage(plain, images)


def test_the_figure_has_the_mean_attention_and_its_change(monkeypatch, images):
    h = np.random.default_rng(0).uniform(size=(3, 4, 16))
    monkeypatch.setattr(
        "dia_keras.analysis.attention_maps.attention_by_stage", lambda model, images: {1: h, 3: h[:, :1]}
    )
    figure = plot_attention(None, images, title="DIA")
    left, right, alone, empty = figure.axes[:4]
    np.testing.assert_allclose(left.images[0].get_array(), h.mean(0))
    np.testing.assert_allclose(right.images[0].get_array(), h.mean(0)[1:] - h.mean(0)[:-1])
    np.testing.assert_allclose(alone.images[0].get_array(), h.mean(0)[:1])
    assert empty.texts[0].get_text() == "one block: no change"
    assert figure.get_suptitle() == "DIA: attention over depth, mean of 3 images"
    assert plot_attention(None, images[:1], title="DIA").get_suptitle().endswith("one image")
