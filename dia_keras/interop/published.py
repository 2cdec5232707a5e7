"""The network of a published model, as a function of `dia_keras.backbones` and its arguments."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras

from .. import backbones
from ..backbones.layers import channel_axis
from .rules import Rules

CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class Published:
    """What a source's model is in our terms.

    Attributes:
        backbone: Function of `dia_keras.backbones`.
        arguments: Its keyword arguments.
        rules: Table of the names of its weights.
        num_classes: Number of classes.
        mean, std: Mean and standard deviation of red, green and blue that it was trained with, for pixels from 0 to 1.
        image_size: Height and width of its images.
    """

    backbone: Callable[..., keras.Model]
    arguments: Mapping[str, Any]
    rules: Rules
    num_classes: int = 1000
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    image_size: tuple[int, int] = (224, 224)

    @property
    def call(self) -> str:
        """The call that builds the network, for people."""
        arguments = ", ".join(
            f"{name}={getattr(value, '__name__', repr(value))}" for name, value in self.arguments.items()
        )
        return f"dia_keras.backbones.{self.backbone.__name__}({arguments})"

    def build(self, **options) -> keras.Model:
        """Returns the network with initial values, from raw RGB images, of values 0 to 255, to probabilities.

        Args:
            **options: Other arguments of the backbone, e.g. `input_shape`.
        """
        size = self.image_size
        normalization = keras.layers.Normalization(
            axis=channel_axis(),
            mean=[255 * mean for mean in self.mean],
            variance=[(255 * std) ** 2 for std in self.std],
            dtype="float32",
            name="preprocessing",
        )
        defaults = {
            "input_shape": (*size, 3) if channel_axis() == -1 else (3, *size),
            "num_classes": self.num_classes,
            "preprocessing": normalization,
        }
        return self.backbone(**{**self.arguments, **defaults, **options})


def of_cifar(backbone: Callable, arguments: Mapping[str, Any], rules: Rules, dataset: str) -> Published:
    """Returns a network for CIFAR-10, CIFAR-100 or SVHN, whose authors normalize all three alike."""
    classes = 100 if dataset == "cifar100" else 10
    return Published(backbone, arguments, rules, classes, CIFAR_MEAN, CIFAR_STD, (32, 32))


def imagenet_resnet(depth: int, attention: Any, rules: Rules, **arguments) -> Published:
    """Returns a ResNet for ImageNet."""
    given = {"attention": attention} if attention else {}
    return Published(backbones.imagenet_resnet, {"depth": depth, **given, **arguments}, rules)
