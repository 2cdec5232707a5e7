"""What the paper's names of networks and attentions stand for, and how it trains them."""

import re
from typing import Any, NamedTuple

#: Arguments of a backbone, by the paper's name of the attention.
ATTENTIONS: dict[str, dict[str, Any]] = {
    "Org": {"attention": None},
    **{name: {"attention": name.lower()} for name in ("SE", "ECA", "CBAM", "SRM", "SPA", "SEM", "SPEM")},
    # The paper's r counts from the inner width of a bottleneck, a quarter of the channels.
    **{f"SE (r={r})": {"attention": "se", "attention_config": {"ratio": 4 * r}} for r in (4, 8, 16, 32)},
    **{f"ECA (k={k})": {"attention": "eca", "attention_config": {"kernel_size": k}} for k in (5, 7, 9)},
    "DIA-LSTM": {"attention": "dia_lstm"},
    "DIA-LSTM (Light)": {"attention": "dia_lstm_light"},
}
#: Ends the name of an attention that a stage's blocks share.
SHARED = ", DIA"

#: The paper's recipes (sections 4.1 and 5.1, and the authors' code), by kind of network.
RECIPES: dict[str, dict[str, Any]] = {
    "ResNet": {"epochs": 164, "milestones": (81, 122), "factor": 0.1, "weight_decay": 1e-4},
    "WRN": {"epochs": 200, "milestones": (80, 120, 160), "factor": 0.2, "weight_decay": 5e-4},
    "ResNeXt": {"epochs": 300, "milestones": (150, 225), "factor": 0.1, "weight_decay": 5e-4},
}


class Backbone(NamedTuple):
    """A function of `dia_keras.backbones` by its name, and its arguments."""

    function: str
    arguments: dict[str, Any]


def backbone(name: str) -> Backbone:
    """Returns the backbone that a name stands for.

    ResNet18, 34, 50 and 101 are those for larger images. Others are for CIFAR: ResNet and its depth, with bottleneck
    blocks, `-basic` at the end for basic blocks; WRN, depth and widening factor; ResNeXt, depth, cardinality and width.

    Raises:
        ValueError: Where the name has none of these forms.

    Example:

    >>> backbone("ResNet20-basic")
    Backbone(function='resnet', arguments={'depth': 20, 'block': 'basic'})
    >>> backbone("WRN52-4")
    Backbone(function='wrn', arguments={'depth': 52, 'widen': 4})
    """
    if found := re.fullmatch(r"ResNet(18|34|50|101)", name):
        return Backbone("imagenet_resnet", {"depth": int(found[1])})
    if found := re.fullmatch(r"ResNet(\d+)(-basic)?", name):
        return Backbone("resnet", {"depth": int(found[1]), "block": "basic" if found[2] else "bottleneck"})
    if found := re.fullmatch(r"WRN(\d+)-(\d+)", name):
        return Backbone("wrn", {"depth": int(found[1]), "widen": int(found[2])})
    if found := re.fullmatch(r"ResNeXt(\d+),(\d+)x(\d+)", name):
        depth, cardinality, width = map(int, found.groups())
        return Backbone("resnext", {"depth": depth, "cardinality": cardinality, "group_width": width})
    raise ValueError(
        "`network` must have the form ResNet164, ResNet20-basic, WRN52-4 or ResNeXt101,8x32. "
        f"Received: network={name!r}"
    )


def blocks(name: str) -> int:
    """Returns the number of blocks in the shortest stage of the network that a name stands for."""
    function, arguments = backbone(name)
    if function == "imagenet_resnet":
        return 2
    of_block = 6 if function == "wrn" or arguments.get("block") == "basic" else 9
    return (arguments["depth"] - (4 if function == "wrn" else 2)) // of_block


def attention(name: str) -> dict[str, Any]:
    """Returns the arguments of a backbone for an attention; `"SE, DIA"` is SE that a stage's blocks share.

    Raises:
        ValueError: Where there is no such attention.
    """
    own = name.removesuffix(SHARED)
    if own not in ATTENTIONS:
        raise ValueError(f"`attention` must be one of {', '.join(ATTENTIONS)}. Received: attention={name!r}")
    return {**ATTENTIONS[own], **({"shared": True} if own != name else {})}


def recipe(network: str) -> dict[str, Any]:
    """Returns the fields of the paper's recipe for a network: SGD with momentum 0.9, a batch of 128, a rate of 0.1."""
    kind = next(kind for kind in ("ResNeXt", "ResNet", "WRN") if network.startswith(kind))
    return {"batch_size": 128, "learning_rate": 0.1, "schedule": "steps", **RECIPES[kind]}
