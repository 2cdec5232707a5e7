"""A removed block is its shortcut, and hands on the state that it got."""

import keras
import numpy as np
import pytest
from small_networks import run, small

from dia_keras.analysis import Block, accuracy_without_blocks, attention_by_stage, plot_lesions
from dia_keras.analysis.blocks import sums
from dia_keras.analysis.layer_by_layer import logits
from dia_keras.analysis.lesion import without_block
from dia_keras.backbones import preresnet, resnet, resnext, wrn
from dia_keras.inference import optimize
from dia_keras.units.initializers import without_initial_values

LABELS = np.array([0, 3, 1])


def answers(model, images, block=None):
    return keras.ops.convert_to_numpy(logits(model, images, block and without_block(model, block)))


@pytest.mark.parametrize("attention", [None, "dia_lstm", "se"])
def test_a_block_whose_branch_is_zero_can_be_removed(attention, images):
    model = small(attention=attention)
    for weight in model.get_layer("stage2_block2_bn2").trainable_variables:
        weight.assign(np.zeros(weight.shape))
    np.testing.assert_allclose(answers(model, images, Block(2, 2)), answers(model, images), rtol=1e-5, atol=1e-6)
    assert np.abs(answers(model, images, Block(2, 1)) - answers(model, images)).max() > 1e-3


class Running(keras.layers.Layer):
    """An attention by the running mean of the pooled features, without a cell."""

    carries_state = True

    def call(self, inputs, states=None):
        pooled = keras.ops.mean(inputs, (1, 2))
        state = pooled if states is None else (states + pooled) / 2
        return inputs * keras.ops.sigmoid(state)[:, None, None], state


def test_a_state_without_a_cell_begins_at_zero(images):
    model = small(attention=lambda channels: Running())
    change, found = without_block(model, Block(1, 1)), []

    def see(call, outputs):
        outputs = change(call, outputs)
        if call.layer.name == "stage1_attention":
            found.append(outputs[1])
        return outputs

    logits(model, images, see)
    assert len(found) == 2 and not keras.ops.convert_to_numpy(found[0]).any()


def test_after_the_first_block_is_removed_the_second_begins_at_the_zero_state(dia, images):
    change, found = without_block(dia, Block(1, 1)), {}

    def see(call, outputs):
        outputs = change(call, outputs)
        found[call.layer.name] = outputs  # of a unit, what its last call gives
        return outputs

    logits(dia, images, see)
    (x,) = run(dia, images, "stem_relu")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found["stage1_block1_output"]), x, rtol=1e-5)
    branch = x
    for name in ("conv1", "bn1", "relu1", "conv2", "bn2"):
        branch = dia.get_layer(f"stage1_block2_{name}")(branch)
    attended, _ = dia.get_layer("stage1_attention")(branch)
    expected = np.maximum(x + keras.ops.convert_to_numpy(attended), 0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found["stage1_output"]), expected, rtol=1e-4, atol=1e-5)


def test_a_removed_later_block_hands_on_its_states(dia, images):
    seen = []

    def see(call, outputs):
        changed = without_block(dia, Block(3, 2))(call, outputs)
        if call.layer.name == "stage3_attention":
            seen.append((call, outputs, changed))
        return changed

    logits(dia, images, see)
    (_, first, kept), (call, _, second) = seen
    assert kept is first and second[1] is call.args[1]


@pytest.mark.parametrize(
    "build",
    [
        lambda **options: preresnet(14, "basic", **options),
        lambda **options: wrn(16, 1, **options),
        lambda **options: resnext(20, 2, 4, **options),
    ],
)
def test_blocks_of_every_backbone_are_found(build):
    with without_initial_values():
        model = build(attention="dia_lstm", input_shape=(8, 8, 3), num_classes=4)
    assert list(sums(model).values()) == [Block(stage, number) for stage in (1, 2, 3) for number in (1, 2)]
    assert all(isinstance(model.get_layer(name), keras.layers.Add) for name in sums(model))


def test_accuracies_are_those_of_the_answers(images):
    model = small(8)
    labels = answers(model, images).argmax(1)
    labels[0] = (labels[0] + 1) % 4
    whole, without = accuracy_without_blocks(model, images, labels, batch_size=2)
    assert whole == pytest.approx(2 / 3)
    assert without == {
        Block(stage, 1): np.mean(answers(model, images, Block(stage, 1)).argmax(1) == labels) for stage in (1, 2, 3)
    }


def test_scores_that_are_not_finite_are_wrong(images):
    """The best of them would be the first."""
    model = small(8)
    model.get_layer("classifier").bias.assign(np.full(4, np.nan))
    whole, without = accuracy_without_blocks(model, images, [0, 0, 0])
    assert whole == 0 and set(without.values()) == {0}


def test_a_network_rewritten_for_inference_is_an_error(images):
    """Its attention is spread over layers, so that nobody could hand on the state."""
    whole = resnet(20, attention="dia_lstm", input_shape=(8, 8, 3), num_classes=4)
    with pytest.raises(ValueError, match="must not be rewritten for inference"):
        accuracy_without_blocks(optimize(whole), images, LABELS)
    with pytest.raises(ValueError, match="must not be rewritten for inference"):
        attention_by_stage(optimize(whole), images)


def test_what_cannot_be_removed_is_an_error(dia, images):
    with pytest.raises(ValueError, match=r"one of the model's: 1.1, 1.2, 2.1, .* Received: block=Block\(stage=4"):
        without_block(dia, Block(4, 1))
    bare = small(8, skip=False)
    with pytest.raises(ValueError, match="none, without skip connections"):
        without_block(bare, Block(1, 1))
    with pytest.raises(ValueError, match="must have blocks with skip connections"):
        accuracy_without_blocks(bare, images, LABELS)
    for labels in (LABELS[:2], np.array(LABELS, float), [0, 1, 4], [0, 1, -1]):
        with pytest.raises(ValueError, match="`labels` must be 3 integers from 0 to 3"):
            accuracy_without_blocks(dia, images, labels)
    with pytest.raises(ValueError, match="must answer with two classes or more"):
        accuracy_without_blocks(small(8, num_classes=1, classifier_activation="sigmoid"), images, [0, 0, 0])


def test_a_network_without_a_classifier_has_no_accuracy(images):
    with pytest.raises(ValueError, match=r"`model` must give \(n, classes\)"):
        accuracy_without_blocks(small(include_top=False), images, LABELS)


def test_models_come_by_their_names(images, dia):
    with pytest.raises(ValueError, match="`models` must be a dict of one model or more by their names"):
        plot_lesions({}, images, LABELS)


def test_the_figure_has_a_bar_for_each_block(monkeypatch, images):
    found = {"dia": (0.75, {Block(1, 1): 0.5, Block(2, 1): 0.75}), "plain": (0.5, {Block(1, 1): 0.6})}
    monkeypatch.setattr("dia_keras.analysis.lesion.accuracy_without_blocks", lambda model, *data: found[model])
    axes = plot_lesions({"first": "dia", "second": "plain"}, images, LABELS).axes
    np.testing.assert_allclose([bar.get_height() for bar in axes[0].patches], [25, 0])
    np.testing.assert_allclose([bar.get_height() for bar in axes[1].patches], [-10])
    assert [each.get_title() for each in axes] == [
        "first: 75.0% of 3 images right with all blocks",
        "second: 50.0% of 3 images right with all blocks",
    ]
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["1.1", "2.1"]
