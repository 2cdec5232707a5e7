"""torchvision's ResNets for ImageNet."""

import re

from .network import Published, imagenet_resnet
from .rules import Rules

RESNET: Rules = (
    ("conv1", "stem_conv"),
    ("bn1", "stem_bn"),
    ("layer{stage}.{block-1}.conv{k}", "stage{stage}_block{block}_conv{k}"),
    ("layer{stage}.{block-1}.bn{k}", "stage{stage}_block{block}_bn{k}"),
    ("layer{stage}.{block-1}.downsample.0", "stage{stage}_block{block}_shortcut_conv"),
    ("layer{stage}.{block-1}.downsample.1", "stage{stage}_block{block}_shortcut_bn"),
    ("fc", "classifier"),
)


def published(name: str) -> Published | str:
    """Returns the network of a model, with or without the version of its weights, or why it cannot be converted."""
    name = name.partition(".")[0]
    if match := re.fullmatch(r"resnet(18|34|50|101)", name):
        return imagenet_resnet(int(match[1]), None, RESNET)
    if re.fullmatch(r"resnext\d+_\w+", name):
        return "no backbone for ImageNet is a ResNeXt"
    return "the models that we have are resnet18, resnet34, resnet50 and resnet101"
