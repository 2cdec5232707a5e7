"""The gradient at the outputs of the stages."""

import keras
import numpy as np
import pytest
from small_networks import run, small

from dia_keras.analysis import plot_gradients, stage_gradients

LABELS = np.array([0, 3, 1])


def test_the_gradient_at_the_last_stage_is_that_of_softmax_and_pooling(dia, images):
    found = stage_gradients(dia, images, LABELS, training=False)
    assert {name: each.shape for name, each in found.items()} == {
        "stage1": (3, 8, 8, 16),
        "stage2": (3, 4, 4, 32),
        "stage3": (3, 2, 2, 64),
    }
    (answers,) = run(dia, images, "classifier")
    kernel = np.array(dia.get_layer("classifier").get_weights()[0])
    # d loss / d logits = p - y, over a batch of three; the pooling spreads it over four places.
    expected = np.abs((answers - np.eye(4)[LABELS]) @ kernel.T) / (3 * 4)
    np.testing.assert_allclose(
        found["stage3"], np.broadcast_to(expected[:, None, None], (3, 2, 2, 64)), rtol=1e-3, atol=1e-7
    )


def test_a_training_step_has_the_statistics_of_the_batch(dia, images):
    training, inference = (stage_gradients(dia, images, LABELS, training=mode)["stage1"] for mode in (True, False))
    assert np.abs(training - inference).max() > 1e-5


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 4], [0, 1, -1], [0.0, 1.0, 2.0]])
def test_labels_that_do_not_fit_are_an_error(dia, images, labels):
    with pytest.raises(ValueError, match="`labels` must be 3 integers from 0 to 3"):
        stage_gradients(dia, images, labels)


def test_the_figure_has_a_dashed_line_for_a_network_without_skip_connections(monkeypatch, images):
    found = {"stage1": np.array([0.1, 0.2, 0.0]), "stage2": np.array([1e-6, 1e-5, 1e-4])}
    monkeypatch.setattr("dia_keras.analysis.gradient_flow.stage_gradients", lambda model, *data: found)
    figure = plot_gradients({"with": small(8), "without": small(8, skip=False)}, images, LABELS)
    assert [axes.get_title() for axes in figure.axes] == ["output of stage 1", "output of stage 2"]
    solid, dashed = figure.axes[0].patches
    assert solid.get_linestyle() in ("-", "solid") and dashed.get_linestyle() in ("--", "dashed")
    assert dashed.get_label() == "without: mean 1.0e-01"
    np.testing.assert_allclose([sum(axes.patches[0].get_data()[0]) for axes in figure.axes], [200 / 3, 100])


def test_networks_of_different_numbers_of_stages_are_an_error(monkeypatch, images):
    found = iter(({"stage1": np.ones(3)}, {"stage1": np.ones(3), "stage2": np.ones(3)}))
    monkeypatch.setattr("dia_keras.analysis.gradient_flow.stage_gradients", lambda *arguments: next(found))
    with pytest.raises(ValueError, match=r"equally many stages\. Received: stages: 1 for 'one', 2 for 'two'"):
        plot_gradients({"one": None, "two": None}, images, LABELS)
    with pytest.raises(ValueError, match="`models` must be a dict of one model or more by their names"):
        plot_gradients({}, images, LABELS)


def test_small_gradients_do_not_vanish_in_float16(images):
    keras.config.set_dtype_policy("mixed_float16")
    half = small(attention="dia_lstm")
    keras.config.set_dtype_policy("float32")
    full = small(attention="dia_lstm")
    for model in (half, full):  # so sure of its answers that their gradients are below the range of float16
        model.get_layer("classifier").kernel.assign(np.zeros((64, 4)))
        model.get_layer("classifier").bias.assign([16.0, 0, 0, 0])
        model.get_layer("classifier").kernel.assign(1e-2 * np.ones((64, 4)) * [1, 2, 3, 4])
    labels = np.zeros(3, int)
    found, expected = (stage_gradients(model, images, labels, training=False) for model in (half, full))
    for stage, gradient in expected.items():
        assert 0 < gradient.mean() < 1e-8
        np.testing.assert_allclose(found[stage].mean(), gradient.mean(), rtol=0.05)


def test_a_network_without_a_classifier_is_an_error(images):
    model = small(include_top=False)
    with pytest.raises(
        ValueError, match=r"`model` must give \(n, classes\). Received: a model that gives \(None, 2, 2"
    ):
        stage_gradients(model, images, LABELS)


def test_a_network_that_ends_in_a_sigmoid_is_an_error(images):
    with pytest.raises(ValueError, match=r"must end in a softmax or give logits. Received: a model .* a sigmoid"):
        stage_gradients(small(classifier_activation="sigmoid"), images, LABELS)


def test_a_network_that_exploded_is_drawn_as_nan(images):
    model = small(8)
    model.get_layer("stem_conv").kernel.assign(np.full((3, 3, 3, 16), np.inf))
    figure = plot_gradients({"exploded": model}, images, LABELS)
    assert figure.axes[0].patches[0].get_label() == "exploded: mean nan"
    keras.tree.map_structure(
        lambda values: np.testing.assert_array_equal(values, 0), figure.axes[0].patches[0].get_data()[0]
    )
