"""Parameters of the 24 rows of Table 8: two detectors, two depths, five attentions and none."""

import functools

import keras
import pytest

from dia_keras.backbones import imagenet_resnet
from dia_keras.detection import FasterRCNN, RetinaNet

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
