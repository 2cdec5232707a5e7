"""osmr's pytorchcv (imgclsmob): nets for CIFAR and SVHN, and ResNets for ImageNet."""

import re
from typing import Any

from .. import backbones
from ..zoo.cards import dataset
from .network import Published, imagenet_resnet
from .rules import Rules

_BLOCK = "stage{stage}_block{block}"
_UNIT = "features.stage{stage}.unit{block}"

POST_ACTIVATION: Rules = (
    ("features.init_block.conv", "stem_conv"),
    ("features.init_block.bn", "stem_bn"),
    (f"{_UNIT}.body.conv{{k}}.conv", f"{_BLOCK}_conv{{k}}"),
    (f"{_UNIT}.body.conv{{k}}.bn", f"{_BLOCK}_bn{{k}}"),
    (f"{_UNIT}.identity_conv.conv", f"{_BLOCK}_shortcut_conv"),
    (f"{_UNIT}.identity_conv.bn", f"{_BLOCK}_shortcut_bn"),
    ("output", "classifier"),
)
LARGE_STEM: Rules = (
    ("features.init_block.conv.conv", "stem_conv"),
    ("features.init_block.conv.bn", "stem_bn"),
)
PRE_ACTIVATION: Rules = (
    ("features.init_block", "stem_conv"),
    (f"{_UNIT}.body.conv{{k}}.conv", f"{_BLOCK}_conv{{k}}"),
    (f"{_UNIT}.body.conv{{k}}.bn", f"{_BLOCK}_bn{{k}}"),
    (f"{_UNIT}.identity_conv", f"{_BLOCK}_shortcut_conv"),
    ("features.post_activ.bn", "post_bn"),
    ("output", "classifier"),
)
SE: Rules = (
    (f"{_UNIT}.se.conv1", f"{_BLOCK}_attention/squeeze"),
    (f"{_UNIT}.se.conv2", f"{_BLOCK}_attention/excite"),
)
# Every block has a copy of its stage's unit.
DIA: Rules = (
    (f"{_UNIT}.attention.lstm.x_amps.amp1.fc1", "stage{stage}_attention/input_reduce"),
    (f"{_UNIT}.attention.lstm.x_amps.amp1.fc2", "stage{stage}_attention/input_expand"),
    (f"{_UNIT}.attention.lstm.h_amps.amp1.fc1", "stage{stage}_attention/hidden_reduce"),
    (f"{_UNIT}.attention.lstm.h_amps.amp1.fc2", "stage{stage}_attention/hidden_expand"),
)
ATTENTIONS: dict[str, tuple[str | None, Rules]] = {"": (None, ()), "se": ("se", SE), "dia": ("dia_lstm", DIA)}
BASIC, BOTTLENECK = ("20", "56", "110", "1202"), ("164bn", "272bn", "542bn", "1001")
REFUSED = (
    (
        r"sepreresnet\w+_(cifar10|cifar100|svhn)",
        "its stem ends in a norm and its last stage in none, as no backbone does",
    ),
    (r"wrn20_10_\w+", "its blocks and its head are of a form that no backbone has"),
    (r"(se|dia)?preresnet\w+", "no backbone for ImageNet is of pre-activation form"),
    (r"(se)?resnext\w+", "no backbone for ImageNet is a ResNeXt"),
    (r"(se|dia)?resnet\w+", "the depths for ImageNet are 18, 34, 50 and 101, those for CIFAR are published ones"),
    (r".*", "the families are resnet, seresnet, diaresnet, preresnet, diapreresnet, wrn and resnext"),
)


def published(name: str) -> Published | str:
    """Returns the network of a model, or why it cannot be converted."""
    network = _for_small_images(name) or _for_imagenet(name)
    return network or next(reason for pattern, reason in REFUSED if re.fullmatch(pattern, name))


def _for_small_images(name: str) -> Published | None:
    match = re.fullmatch(r"(\w+)_(cifar10|cifar100|svhn)", name)
    if not match:
        return None
    model, data = match[1], dataset("svhn_cropped" if match[2] == "svhn" else match[2])  # all normalized alike
    if match := re.fullmatch(r"(se|dia)?resnet(\w+)", model):
        attention, rules = ATTENTIONS[match[1] or ""]
        if size := _depth_and_block(match[2]):
            return Published(backbones.resnet, {**size, "attention": attention}, (*POST_ACTIVATION, *rules), data)
    if match := re.fullmatch(r"(dia)?preresnet(\w+)", model):
        attention, rules = ATTENTIONS[match[1] or ""]
        # The projection reads activated features, and there is no norm before the attention.
        form = {"attention": attention, "projection": "activated", "norm_before_cells": False}
        if size := _depth_and_block(match[2]):
            return Published(backbones.preresnet, {**size, **form}, (*PRE_ACTIVATION, *rules), data)
    if match := re.fullmatch(r"wrn(\d+)_(\d+)", model):
        arguments = {"depth": int(match[1]), "widen": int(match[2]), "dropout": 0.0}
        return Published(backbones.wrn, arguments, PRE_ACTIVATION, data)
    if match := re.fullmatch(r"resnext(\d+)_(\d+)x(\d+)d", model):
        numbers = dict(zip(("depth", "cardinality", "group_width"), map(int, match.groups()), strict=True))
        return Published(backbones.resnext, {**numbers, "filters": 256, "stem_filters": 64}, POST_ACTIVATION, data)
    return None


def _for_imagenet(name: str) -> Published | None:
    match = re.fullmatch(r"(se|dia)?resnet(18|34|50|101)(b)?", name)
    if not match:
        return None
    attention, rules = ATTENTIONS[match[1] or ""]
    depth = int(match[2])
    # Without the b, the first 1x1 convolution of a bottleneck has the stride: names and shapes are the same.
    form: dict[str, Any] = {"stride_in_1x1": True} if depth >= 50 and not match[3] else {}
    if match[1] == "dia":
        form["attention_config"] = {"reduction": 4}
    return imagenet_resnet(depth, attention, (*LARGE_STEM, *POST_ACTIVATION, *rules), **form)


def _depth_and_block(depth: str) -> dict[str, Any] | None:
    """Returns the arguments for a depth as names have it, or `None` where no network was published with it."""
    if depth not in (*BASIC, *BOTTLENECK):
        return None
    return {"depth": int(depth.removesuffix("bn")), "block": "basic" if depth in BASIC else "bottleneck"}
