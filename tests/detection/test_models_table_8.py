"""The 24 rows of Table 8: two detectors, two depths, five attentions and none. They count right and train a step."""

import functools

import keras
import numpy as np
import pytest
from keras import ops
from small_models import example_batch

from dia_keras.backbones import imagenet_resnet, imagenet_resnets
from dia_keras.detection import FasterRCNN, RetinaNet
from dia_keras.detection.models import faster_rcnn

ATTENTIONS = (None, "se", "eca", "sge", "dia_lstm", "dia_lstm_light")
#: Numbers of the whole detectors with 80 classes, with the statistics of batch norms; the paper prints none.
ROWS = {
    (FasterRCNN, 50): (41_806_176, 44_337_168, 41_806_256, 41_808_224, 44_607_196, 43_249_216),
    (FasterRCNN, 101): (60_850_528, 65_628_240, 60_850_693, 60_854_752, 63_651_548, 62_293_568),
    (RetinaNet, 50): (38_021_812, 40_552_804, 38_021_892, 38_023_860, 40_822_832, 39_464_852),
    (RetinaNet, 101): (57_066_164, 61_843_876, 57_066_329, 57_070_388, 59_867_184, 58_509_204),
}
#: torchvision's ResNets without their classifier of 2,049,000, and with the statistics of their norms.
PLAIN = {50: 25_557_032 - 2_049_000 + 53_120, 101: 44_549_160 - 2_049_000 + 105_344}


def conv(inputs, outputs, size):
    return size * size * inputs * outputs + outputs


PYRAMID = sum(conv(width, 256, 1) + conv(256, 256, 3) for width in (512, 1024, 2048))
#: What a detector has beside its backbone.
REST = {
    RetinaNet: PYRAMID
    + conv(2048, 256, 3)  # P6
    + conv(256, 256, 3)  # P7
    + 8 * conv(256, 256, 3)
    + conv(256, 9 * 80, 3)
    + conv(256, 9 * 4, 3),
    FasterRCNN: PYRAMID
    + conv(256, 256, 1)  # P2
    + conv(256, 256, 3)
    + conv(256, 256, 3)  # first stage
    + conv(256, 3, 1)
    + conv(256, 12, 1)
    + conv(49 * 256, 1024, 1)  # second stage
    + conv(1024, 1024, 1)
    + conv(1024, 81, 1)
    + conv(1024, 320, 1),
}


@functools.cache
def classifier(depth, attention):
    """Returns the number of parameters of a classifier for ImageNet."""
    with keras.StatelessScope(initialize_variables=False):
        return imagenet_resnet(depth, attention=attention, num_classes=1000).count_params()


@pytest.mark.counts
@pytest.mark.parametrize(("make", "depth"), ROWS)
def test_parameters_are_those_of_backbone_attention_pyramid_and_heads(make, depth):
    for attention, expected in zip(ATTENTIONS, ROWS[make, depth], strict=True):
        with keras.StatelessScope(initialize_variables=False):
            detector = make(depth, 80, (64, 64), attention=attention)
        of_attention = classifier(depth, attention) - classifier(depth, None)
        assert PLAIN[depth] + of_attention + REST[make] == expected
        assert detector.count_params() == expected, attention
        assert detector.backbone.count_params() == PLAIN[depth] + of_attention


@pytest.mark.parametrize("attention", ATTENTIONS)
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
