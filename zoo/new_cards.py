"""Writes the cards that are missing of the paper's modules without a state, per block and shared, on four backbones.

    python zoo/new_cards.py

An entry's name is `[dia_][attention_]backbone_dataset`: `dia_` alone is DIA-LSTM; before a module without a state it
says that the blocks of a stage share it. Cards that exist are left alone.
"""

import itertools
import math

import click
from rich.progress import track

from dia_keras.backbones import ATTENTIONS
from dia_keras.files import write_json
from dia_keras.zoo import cards
from dia_keras.zoo.loading import BACKBONES as FUNCTIONS

BACKBONES = {
    "resnet20": ("resnet", {"depth": 20, "block": "basic"}),
    "resnet164": ("resnet", {"depth": 164, "block": "bottleneck"}),
    "wrn52_4": ("wrn", {"depth": 52, "widen": 4}),
    "resnext101_8x32d": ("resnext", {"depth": 101, "cardinality": 8, "group_width": 32}),
}
PAPERS = {
    "se": "Hu et al., Squeeze-and-Excitation Networks",
    "eca": "Wang et al., ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks",
    "cbam": "Woo et al., CBAM: Convolutional Block Attention Module",
    "srm": "Lee et al., SRM: A Style-based Recalibration Module for Convolutional Neural Networks",
    "spa": "Guo et al., SPANet: Spatial Pyramid Attention Network for Enhanced Image Recognition",
    "sem": "Zhong et al., Switchable Self-attention Module",
    "spem": "Zhong et al., SPEM: Self-adaptive Pooling Enhanced Attention Module for Image Recognition",
}
DIA = (
    "Huang et al., Layer-wise Shared Attention Network on Dynamical System Perspective, "
    "https://arxiv.org/abs/2210.16101"
)


@click.command(help=__doc__)
def main():
    wanted = list(itertools.product(BACKBONES, PAPERS, (False, True)))
    for backbone, module, shared in track(wanted, "Cards"):
        names = [f"{'dia_' * shared}{module}_{backbone}_{dataset}" for dataset in ("cifar10", "cifar100")]
        names = [name for name in names if not (cards.CARDS / f"{name}.json").exists()]
        function, arguments = BACKBONES[backbone]
        arguments = {**arguments, "attention": module, **({"shared": True} if shared else {})}
        for name in names:
            dataset = cards.dataset(name.rpartition("_")[2])
            model = FUNCTIONS[function](**arguments, num_classes=len(dataset.labels))
            fields = {
                "architecture": {"backbone": function, "arguments": arguments},
                "parameters": sum(math.prod(weight.shape) for weight in model.trainable_weights),
                "dataset": dataset.name,
                "recipe": "one_cycle_cpu" if backbone == "resnet20" else "one_cycle_gpu",
                "licence": "Apache-2.0",
                "paper": DIA if shared else f"{PAPERS[module]}, {ATTENTIONS[module].paper}",
            }
            write_json(cards.CARDS / f"{name}.json", fields)


if __name__ == "__main__":
    main()
