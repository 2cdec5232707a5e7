"""Both detectors train a step with each attention of Table 8; `test_models_counts.py` has the rows' parameters."""

import keras
import numpy as np
import pytest
from keras import ops
from small_models import example_batch

from dia_keras.backbones import imagenet_resnets
from dia_keras.detection import FasterRCNN, RetinaNet
from dia_keras.detection.models import faster_rcnn

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("attention", [None, "se", "eca", "sge", "dia_lstm", "dia_lstm_light"])
@pytest.mark.parametrize("make", [RetinaNet, FasterRCNN])
def test_a_step_changes_the_attention_and_no_frozen_norm(make, attention, monkeypatch):
    # ResNet50 with half of its bottlenecks: two in a stage, since what is for a state before has no gradient in one.
    monkeypatch.setitem(imagenet_resnets.BLOCKS, 50, (2, 2, 2, 2))
    monkeypatch.setattr(faster_rcnn, "UNITS", 16)
    settings = {"proposals": 20, "regions": 16} if make is FasterRCNN else {}
    detector = make(50, 3, (64, 64), attention=attention, freeze_norms=True, **settings)
    # Compiling takes longer than the step, except on JAX.
    is_jax = keras.backend.backend() == "jax"
    detector.compile(keras.optimizers.SGD(0.001), run_eagerly=not is_jax, jit_compile=is_jax)
    before = values(detector)
    assert np.isfinite(detector.train_on_batch(*example_batch(), return_dict=True)["loss"])
    after = values(detector)
    of_attention = [path for path in before if "_attention" in path]
    of_norms = [path for path in before if "_bn" in path]
    assert len(of_norms) == 4 * (1 + 8 * 3 + 4)
    assert bool(of_attention) == (attention is not None)
    assert all((before[path] == after[path]).all() for path in of_norms)
    for path in ["stem_conv/kernel", *of_attention]:
        assert (before[path] != after[path]).any(), path


def values(detector):
    """Returns the backbone's weights by path."""
    return {each.path: ops.convert_to_numpy(each).copy() for each in detector.backbone.weights}
