"""Detectors over a backbone of a few layers, which build and train in seconds."""

from unittest import mock

import keras
import numpy as np

from dia_keras.detection import FasterRCNN, RetinaNet, settings
from dia_keras.detection.models import detector, faster_rcnn


def small_backbone(depth, image_size, **settings):
    """A network of four stages with 8 channels, in place of a ResNet."""
    inputs = keras.Input((*image_size, 3), name="images")
    x = keras.layers.Rescaling(1 / 64, -2)(inputs)
    x = keras.layers.AveragePooling2D(2)(x)
    for number in range(1, 5):
        x = keras.layers.Conv2D(
            8, 3, 2, "same", activation="relu", kernel_initializer="he_normal", name=f"stage{number}_output"
        )(x)
    return keras.Model(inputs, x, name="backbone")


def build_small(make, num_classes=3, image_size=(64, 64), **settings):
    """Returns a detector over the small backbone, of a class whose configuration builds it again."""

    class Small(make):
        def __init__(self, *arguments, **keywords):
            with mock.patch.object(detector, "backbone", small_backbone), mock.patch.object(faster_rcnn, "UNITS", 16):
                super().__init__(*arguments, **keywords)

        def compile(self, *arguments, **keywords):
            # Compiling takes longer than a few steps, except on JAX.
            is_jax = keras.backend.backend() == "jax"
            super().compile(*arguments, **{**keywords, "run_eagerly": not is_jax, "jit_compile": is_jax})

    Small.__name__ = f"Small{make.__name__}"
    keras.saving.register_keras_serializable("dia_keras")(Small)  # as detectors are, to be found
    return Small(18, num_classes, image_size, **settings)


class Small:
    """A detector on a small backbone."""

    make: type[detector.Detector]

    def __new__(cls, depth, num_classes, image_size, **keywords):
        return build_small(cls.make, num_classes, image_size, **keywords)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        own = {name: value for name, value in config.items() if name not in ("depth", "backbone_trainable")}
        return build_small(cls.make, **own)


class SmallRetinaNet(Small):
    make = RetinaNet
    __init__ = RetinaNet.__init__  # for its arguments


class SmallFasterRCNN(Small):
    make = FasterRCNN
    __init__ = FasterRCNN.__init__


def use_small_detectors(monkeypatch):
    """Puts them in place of those that settings name."""
    monkeypatch.setitem(settings.DETECTORS, "retinanet", (SmallRetinaNet, 0.01))
    monkeypatch.setitem(settings.DETECTORS, "faster-rcnn", (SmallFasterRCNN, 0.02))


BOX = (8.0, 10.0, 44.0, 40.0)


def example_batch():
    """Returns two images of 64x64 with a red rectangle of class 1, and a crowd, and what is to be found in them."""
    images = np.full((2, 64, 64, 3), 90, "uint8")
    images[:, 10:40, 8:44] = (255, 0, 0)
    boxes, classes = np.full((2, 5, 4), -1, "float32"), np.full((2, 5), -1, "int32")
    boxes[:, 0], classes[:, 0] = BOX, 1
    boxes[:, 1], classes[:, 1] = (50, 50, 64, 64), -2
    return images, {"boxes": boxes, "classes": classes}
