"""Models saved before the units were rearranged, one an attention, answer as they did.

`saved/` holds, for every unit, a model of two residual blocks, which share the unit, on 4 x 4 pixels of 16 channels,
and in `answers.npz` the images and the answers at that time. SRM and SGE had the biased spread, and no argument for it.
"""

import pathlib

import keras
import numpy as np
import pytest
from unit_cases import numpy

import dia_keras  # noqa: F401  # registers the layers

SAVED = pathlib.Path(__file__).with_name("saved")
with np.load(SAVED / "answers.npz") as file:
    ANSWERS = dict(file)
IMAGES = ANSWERS.pop("images")


@pytest.mark.parametrize("name", ANSWERS)
def test_a_model_saved_before_answers_as_it_did(name, tmp_path):
    model = keras.saving.load_model(SAVED / f"{name}.keras")
    np.testing.assert_allclose(numpy(model(IMAGES)), ANSWERS[name], rtol=1e-5, atol=1e-6)
    # Saved again it is still the same.
    model.save(tmp_path / "again.keras")
    again = keras.saving.load_model(tmp_path / "again.keras")
    np.testing.assert_allclose(numpy(again(IMAGES)), ANSWERS[name], rtol=1e-5, atol=1e-6)
