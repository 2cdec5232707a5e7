"""timm's ResNets for ImageNet, plain, with squeeze-and-excitation, and with efficient channel attention."""

import dataclasses
import re

from ..units import ECA
from .network import Published, imagenet_resnet
from .rules import Rules
from .torchvision import RESNET

SE: Rules = (
    ("layer{stage}.{block-1}.se.fc1", "stage{stage}_block{block}_attention/squeeze"),
    ("layer{stage}.{block-1}.se.fc2", "stage{stage}_block{block}_attention/excite"),
)
ECA_CONV: Rules = (("layer{stage}.{block-1}.se.conv", "stage{stage}_block{block}_attention/conv"),)
HALF = (0.5, 0.5, 0.5)


def eca_by_width(channels: int, **settings) -> ECA:
    """Returns ECA with the kernel that timm gives a bottleneck of this width: 5, and 7 from 2048 channels."""
    return ECA(kernel_size=5 if channels < 2048 else 7, **settings)


def published(name: str) -> Published | str:
    """Returns the network of a model, or why it cannot be converted.

    Without the tag of its weights, the images are normalized as for all tags but those that begin with ra4.
    """
    model, _, tag = name.partition(".")
    if match := re.fullmatch(r"resnet(18|34|50|101)", model):
        network = imagenet_resnet(int(match[1]), None, RESNET)
    elif match := re.fullmatch(r"seresnet(50|101)", model):
        network = imagenet_resnet(int(match[1]), "se", (*RESNET, *SE))
    elif match := re.fullmatch(r"ecaresnet(50|101)", model):
        network = imagenet_resnet(int(match[1]), eca_by_width, (*RESNET, *ECA_CONV))
    elif model in ("seresnet18", "seresnet34"):
        return "its first stage squeezes 64 channels to 8, and our SE has one ratio for all stages, 16"
    else:
        return "the models that we have are resnet18, 34, 50 and 101, seresnet50 and 101, ecaresnet50 and 101"
    # The recipes ra4 normalize to -1 to 1.
    if tag.startswith("ra4"):
        return dataclasses.replace(network, dataset=dataclasses.replace(network.dataset, mean=HALF, std=HALF))
    return network
