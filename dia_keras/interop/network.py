"""The network of a published model, as a function of `dia_keras.backbones` and its arguments."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras

from .. import backbones
from ..backbones.layers import to_image_shape
from ..zoo.cards import Dataset, dataset
from ..zoo.loading import preprocessing
from .rules import Rules


@dataclasses.dataclass(frozen=True)
class Published:
    """What a source's model is in our terms.

    Attributes:
        backbone: Function of `dia_keras.backbones`.
        arguments: Its keyword arguments.
        rules: Table of the names of its weights.
        dataset: The data set it was trained for: labels, size of images, and the mean and standard deviation that the
            source's authors took.
    """

    backbone: Callable[..., keras.Model]
    arguments: Mapping[str, Any]
    rules: Rules
    dataset: Dataset

    @property
    def call(self) -> str:
        """The call that builds the network, for people."""
        arguments = (f"{name}={getattr(value, '__name__', repr(value))}" for name, value in self.arguments.items())
        return f"dia_keras.backbones.{self.backbone.__name__}({', '.join(arguments)})"

    def build(self, **options) -> keras.Model:
        """Returns the network with initial values, from raw RGB images, of values 0 to 255, to probabilities.

        Args:
            **options: Other arguments of the backbone, e.g. `input_shape`.
        """
        defaults = {
            "input_shape": to_image_shape(*self.dataset.image_size, 3),
            "num_classes": len(self.dataset.labels),
            "preprocessing": preprocessing(self.dataset),
        }
        return self.backbone(**{**self.arguments, **defaults, **options})


def imagenet_resnet(depth: int, attention: Any, rules: Rules, **arguments) -> Published:
    """Returns a ResNet for ImageNet."""
    given = {"attention": attention} if attention else {}
    return Published(backbones.imagenet_resnet, {"depth": depth, **given, **arguments}, rules, dataset("imagenet"))
