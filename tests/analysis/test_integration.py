"""Gini importance finds the block that another one's attention depends on."""

import sys

import numpy as np
import pytest
from small_networks import small

from dia_keras.analysis import gini_importance, integration_by_stage, plot_importances, plot_integration


def planted(images=60):
    """Attention of four blocks: the third follows the first, the fourth the second."""
    rng = np.random.default_rng(0)
    h = rng.uniform(size=(images, 4, 2))
    h[:, 2] = h[:, 0] ** 2
    h[:, 3] = 1 - h[:, 1]
    return h


def test_planted_dependence_is_found():
    found = gini_importance(planted(), trees=10)
    assert found.shape == (3, 3)
    assert found[1, 0] > 0.95 and found[2, 1] > 0.95
    np.testing.assert_allclose(found.sum(1), 1)
    assert (np.triu(found, 1) == 0).all() and (found >= 0).all()
    np.testing.assert_array_equal(found, gini_importance(planted(), trees=10))


@pytest.mark.parametrize("power", [-24, -7, 5])
def test_importances_do_not_depend_on_the_scale(power):
    np.testing.assert_array_equal(gini_importance(planted() * 2.0**power, trees=4), gini_importance(planted(), trees=4))


def test_attention_that_is_the_same_in_all_images_depends_on_nothing():
    h = planted()
    h[:, 3] = 0.5
    np.testing.assert_array_equal(gini_importance(h, trees=2)[2], 0)
    assert gini_importance(h[:, :, :1], trees=2).shape == (3, 3)


@pytest.mark.parametrize("h", [np.ones((1, 3, 2)), np.ones((5, 1, 2)), np.ones((5, 3)), np.full((5, 3, 2), np.nan)])
def test_too_few_images_or_blocks_are_an_error(h):
    with pytest.raises(ValueError, match="`attention` must have shape"):
        gini_importance(h)


def test_without_scikit_learn_there_is_a_word_on_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ImportError, match=r'`pip install "dia_keras\[analysis\]"`'):
        gini_importance(planted(4))


def test_the_figure_has_the_importances_relative_to_the_rows_largest(monkeypatch, images):
    h = planted()
    stages = {"DIA": {1: h, 3: h[:, :3]}, "SE": {2: h[:, :1], 3: h}}
    monkeypatch.setattr("dia_keras.analysis.integration.attention_by_stage", lambda model, images: stages[model])
    figure = plot_integration({"DIA": "DIA", "SE": "SE"}, images, trees=3)
    drawn = {axes.get_title(): axes.images[0].get_array() for axes in figure.axes[:4] if axes.images}
    assert list(drawn) == ["DIA\nstage 1", "DIA\nstage 3", "SE\nstage 3"]
    shown, importance = drawn["DIA\nstage 3"], gini_importance(h[:, :3], trees=3)
    assert shown.mask.tolist() == [[False, True], [False, False]]
    np.testing.assert_allclose(shown.filled(0), importance / importance.max(1, keepdims=True))


def test_a_stage_of_one_block_has_nothing_to_integrate(images):
    with pytest.raises(ValueError, match=r"a stage of two blocks or more. Received: '"):
        plot_integration({"DIA": small(8, attention="dia_lstm")}, images)


def test_one_image_tells_nothing(dia, images):
    with pytest.raises(ValueError, match=r"`images` must be two images or more. Received: 1"):
        plot_integration({"DIA": dia}, images[:1])


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, True])
def test_a_seed_out_of_range_is_an_error(seed):
    with pytest.raises(ValueError, match=rf"`seed` must be an integer from 0 to 4294967295. Received: seed={seed}"):
        gini_importance(planted(4), seed=seed)


@pytest.mark.parametrize("attention", [np.zeros((5, 3, 0)), np.array([[["a"]] * 3] * 5)])
def test_attention_without_numbers_is_an_error(attention):
    with pytest.raises(ValueError, match=r"`attention` must have shape .* Received: attention of shape \(5, 3, "):
        gini_importance(attention)


def test_images_that_are_no_array_are_an_error(dia):
    with pytest.raises(ValueError, match=r"`images` must have shape \(n, .* Received: images of shape \(\)"):
        integration_by_stage(dia, None)


@pytest.mark.parametrize("nothing", [{}, {"DIA": {}}])
def test_no_importances_are_an_error(nothing):
    with pytest.raises(ValueError, match="`by_name` must have the importances of one stage or more"):
        plot_importances(nothing, "title")


def test_no_models_are_an_error(images):
    with pytest.raises(ValueError, match="`models` must be a dict of one model or more by their names"):
        plot_integration({}, images)
