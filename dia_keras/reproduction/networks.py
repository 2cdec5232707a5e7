"""The paper's networks and attentions by their names, and how it trains them."""

import re
from typing import Any, NamedTuple

#: Arguments of a backbone, by the paper's name of the attention.
ATTENTIONS: dict[str, dict[str, Any]] = {
    "Org": {"attention": None},
    **{name: {"attention": name.lower()} for name in ("SE", "ECA", "CBAM", "SRM", "SPA", "SEM", "SPEM", "SGE")},
    # The paper's r counts from the inner width of a block: `attention` makes it count from the output's.
    **{f"SE (r={r})": {"attention": "se", "attention_config": {"ratio": r}} for r in (4, 8, 16, 32)},
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
    network = _backbone(name)
    if network is None:
        raise ValueError(
            "`network` must have the form ResNet164, ResNet20-basic, WRN52-4 or ResNeXt101,8x32. "
            f"Received: network={name!r}"
        )
    if network.function != "imagenet_resnet":
        of_block, others = _layers(network)
        if network.arguments["depth"] < of_block + others or (network.arguments["depth"] - others) % of_block:
            raise ValueError(
                f"`network` must have a depth of {of_block} n + {others}, with n blocks a stage. "
                f"Received: network={name!r}"
            )
    return network


def _backbone(name: str) -> Backbone | None:
    if match := re.fullmatch(r"ResNet(18|34|50|101)", name):
        return Backbone("imagenet_resnet", {"depth": int(match[1])})
    if match := re.fullmatch(r"ResNet(\d+)(-basic)?", name):
        return Backbone("resnet", {"depth": int(match[1]), "block": "basic" if match[2] else "bottleneck"})
    if match := re.fullmatch(r"WRN(\d+)-(\d+)", name):
        return Backbone("wrn", {"depth": int(match[1]), "widen": int(match[2])})
    if match := re.fullmatch(r"ResNeXt(\d+),(\d+)x(\d+)", name):
        depth, cardinality, width = map(int, match.groups())
        return Backbone("resnext", {"depth": depth, "cardinality": cardinality, "group_width": width})
    return None


def _layers(network: Backbone) -> tuple[int, int]:
    """Returns the layers that a block has in each of three stages together, and those outside of the stages."""
    if network.function == "wrn":
        return 6, 4
    return (6 if network.arguments.get("block") == "basic" else 9), 2


def blocks(name: str) -> int:
    """Returns the number of blocks in the shortest stage of the network that a name stands for."""
    network = backbone(name)
    if network.function == "imagenet_resnet":
        return 2
    of_block, others = _layers(network)
    return (network.arguments["depth"] - others) // of_block


def stages(name: str) -> int:
    """Returns the number of stages of the network that a name stands for."""
    return 4 if backbone(name).function == "imagenet_resnet" else 3


def has_bottlenecks(name: str) -> bool:
    """Returns whether the blocks of a network have four times their inner width in output channels."""
    network = backbone(name)
    if network.function == "imagenet_resnet":
        return network.arguments["depth"] >= 50
    return network.function == "resnet" and network.arguments["block"] == "bottleneck"


def attention(name: str, network: str) -> dict[str, Any]:
    """Returns the arguments of a backbone for an attention; `"SE, DIA"` is SE that a stage's blocks share.

    Args:
        name: The paper's name of the attention.
        network: Name of the network, see `backbone`.

    Raises:
        ValueError: Where there is no such attention.
    """
    own = name.removesuffix(SHARED)
    if own not in ATTENTIONS:
        raise ValueError(f"`attention` must be one of {', '.join(ATTENTIONS)}. Received: attention={name!r}")
    arguments = {**ATTENTIONS[own], **({"shared": True} if own != name else {})}
    if own.startswith("SE (r=") and has_bottlenecks(network):
        arguments["attention_config"] = {"ratio": 4 * arguments["attention_config"]["ratio"]}
    return arguments


def recipe(network: str) -> dict[str, Any]:
    """Returns the fields of the paper's recipe for a network: SGD with momentum 0.9, a batch of 128, a rate of 0.1."""
    kind = next(kind for kind in ("ResNeXt", "ResNet", "WRN") if network.startswith(kind))
    return {"batch_size": 128, "learning_rate": 0.1, "schedule": "steps", **RECIPES[kind]}
