"""The authors' own checkpoints (gbup-group/DIANet), named as the zoo's entries are: dia_resnet164_cifar100."""

import re

from .. import backbones
from ..zoo.cards import dataset
from .network import Published
from .rules import Rules

_BLOCK = "stage{stage}_block{block}"

# Of a stage called layer1, block1 or stage_1.
LSTM: Rules = tuple(
    (f"{stage}.lstm.w_{letter}h.0.seq.{number}", f"stage{{stage}}_attention/{path}_{part}")
    for stage in ("layer{stage}", "block{stage}", "stage_{stage}")
    for letter, path in (("i", "input"), ("h", "hidden"))
    for number, part in ((0, "reduce"), (2, "expand"))
)
RESNET: Rules = (
    ("conv1", "stem_conv"),
    ("bn1", "stem_bn"),
    ("layer{stage}.ModuleList.{block-1}.conv{k}", f"{_BLOCK}_conv{{k}}"),
    ("layer{stage}.ModuleList.{block-1}.bn{k}", f"{_BLOCK}_bn{{k}}"),
    ("layer{stage}.ModuleList.{block-1}.downsample.0", f"{_BLOCK}_shortcut_conv"),
    ("layer{stage}.ModuleList.{block-1}.downsample.1", f"{_BLOCK}_shortcut_bn"),
    ("fc", "classifier"),
)
PRERESNET: Rules = (
    ("conv1", "stem_conv"),
    ("layer{stage}.ModuleList.{block-1}.conv{k}", f"{_BLOCK}_conv{{k}}"),
    ("layer{stage}.ModuleList.{block-1}.bn{k}", f"{_BLOCK}_bn{{k}}"),
    ("layer{stage}.ModuleList.{block-1}.bn_additional", f"{_BLOCK}_attention_bn"),
    ("layer{stage}.ModuleList.{block-1}.downsample.0", f"{_BLOCK}_shortcut_conv"),
    ("bn", "post_bn"),
    ("fc", "classifier"),
)
WRN: Rules = (
    ("conv1", "stem_conv"),
    ("block{stage}.ModuleList.{block-1}.conv{k}", f"{_BLOCK}_conv{{k}}"),
    ("block{stage}.ModuleList.{block-1}.bn{k}", f"{_BLOCK}_bn{{k}}"),
    ("block{stage}.ModuleList.{block-1}.bn_additional", f"{_BLOCK}_attention_bn"),
    ("block{stage}.ModuleList.{block-1}.convShortcut", f"{_BLOCK}_shortcut_conv"),
    ("bn1", "post_bn"),
    ("fc", "classifier"),
)
RESNEXT: Rules = (
    ("conv_1_3x3", "stem_conv"),
    ("bn_1", "stem_bn"),
    ("stage_{stage}.ModuleList.{block-1}.conv_reduce", f"{_BLOCK}_conv1"),
    ("stage_{stage}.ModuleList.{block-1}.bn_reduce", f"{_BLOCK}_bn1"),
    ("stage_{stage}.ModuleList.{block-1}.conv_conv", f"{_BLOCK}_conv2"),
    ("stage_{stage}.ModuleList.{block-1}.bn", f"{_BLOCK}_bn2"),
    ("stage_{stage}.ModuleList.{block-1}.conv_expand", f"{_BLOCK}_conv3"),
    ("stage_{stage}.ModuleList.{block-1}.bn_expand", f"{_BLOCK}_bn3"),
    ("stage_{stage}.ModuleList.{block-1}.shortcut.shortcut_conv", f"{_BLOCK}_shortcut_conv"),
    ("stage_{stage}.ModuleList.{block-1}.shortcut.shortcut_bn", f"{_BLOCK}_shortcut_bn"),
    ("classifier", "classifier"),
)
# What a name has after dia_: the backbone, its arguments in the order of the numbers, and the table.
MODELS = (
    (r"resnet(\d+)", backbones.resnet, ("depth",), RESNET),
    (r"preresnet(\d+)", backbones.preresnet, ("depth",), PRERESNET),
    (r"wrn(\d+)_(4)", backbones.wrn, ("depth", "widen"), WRN),
    (r"resnext(\d+)_(\d+)x(32)d", backbones.resnext, ("depth", "cardinality", "group_width"), RESNEXT),
)


def published(name: str) -> Published | str:
    """Returns the network of a model, or why it cannot be converted."""
    for pattern, backbone, arguments, rules in MODELS:
        if match := re.fullmatch(f"dia_{pattern}_(cifar10|cifar100)", name):
            *numbers, name_of_data = match.groups()
            given = dict(zip(arguments, map(int, numbers), strict=True))
            return Published(backbone, {**given, "attention": "dia_lstm"}, (*rules, *LSTM), dataset(name_of_data))
    return (
        "the authors' code has dia_resnet, dia_preresnet, dia_wrn with widening factor 4 and dia_resnext with groups "
        "of 32, each with its depth and _cifar10 or _cifar100, such as dia_resnet164_cifar100"
    )
