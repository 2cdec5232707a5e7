"""Small networks with weights that are nowhere zero, and what their layers give."""

import keras
import numpy as np

from dia_keras.backbones import resnet
from dia_keras.units.initializers import without_initial_values


def small(depth=14, **options):
    """A ResNet of two blocks a stage, for images of 8x8 pixels and four classes, with random weights and statistics."""
    with without_initial_values():
        model = resnet(depth, "basic", **{"input_shape": (8, 8, 3), "num_classes": 4, **options})
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        else:
            fan_in = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 25
            weight.assign(rng.normal(0, fan_in**-0.5, weight.shape))
    return model


def run(model, images, *names):
    """Returns what layers of a model give, by a model of Keras."""
    found = keras.Model(model.input, {name: model.get_layer(name).output for name in names})(images)
    return [keras.ops.convert_to_numpy(found[name]) for name in names]
