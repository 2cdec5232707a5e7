"""Small networks with weights that are nowhere zero, and what their layers give."""

import keras
import numpy as np

from dia_keras.backbones import resnet


def small(depth=14, **options):
    """A ResNet of two blocks a stage, for images of 8x8 pixels and four classes, with statistics of its own."""
    keras.utils.set_random_seed(1)
    model = resnet(depth, "basic", **{"input_shape": (8, 8, 3), "num_classes": 4, **options})
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif weight.name in ("beta", "moving_mean"):
            weight.assign(rng.normal(0, 0.2, weight.shape))
    return model


def run(model, images, *names):
    """Returns what layers of a model give, by a model of Keras."""
    found = keras.Model(model.input, {name: model.get_layer(name).output for name in names})(images)
    return [keras.ops.convert_to_numpy(found[name]) for name in names]
