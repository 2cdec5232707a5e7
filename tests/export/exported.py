"""What tests of exports share: networks, the formats, and how near a file comes."""

from functools import partial

import keras
import numpy as np
from files import ask

from dia_keras import backbones, export
from dia_keras.backbones.attention import ATTENTIONS

FORMATS = {
    "saved_model": (export.to_saved_model, "model"),
    "tflite": (export.to_tflite, "model.tflite"),
    "onnx": (export.to_onnx, "model.onnx"),
}


def normalization():
    return keras.layers.Normalization(mean=[125.3, 123.0, 113.9], variance=[3969.0, 3869.0, 4070.0])


def small(**options):
    return backbones.resnet(8, "basic", preprocessing=normalization(), **options)


def one_block(attention=None, height=32, width=32):
    """A network of one convolution, for what does not depend on the network: converting takes time by the layer."""
    inputs = keras.Input((height, width, 3))
    x = keras.layers.Conv2D(16, 3, 2, "same", use_bias=False)(normalization()(inputs))
    x = keras.layers.BatchNormalization()(x)
    if attention is not None:
        x = ATTENTIONS[attention].for_channels(16)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    return keras.Model(inputs, keras.layers.Dense(10, "softmax", name="classifier")(x))


def half_of_imagenet_resnet():
    """The first two stages: the others have the same layers, and many more weights."""
    whole = backbones.imagenet_resnet(18, input_shape=(64, 48, 3), preprocessing=normalization())
    features = keras.layers.GlobalAveragePooling2D()(whole.get_layer("stage2_output").output)
    return keras.Model(whole.input, keras.layers.Dense(10, "softmax")(features))


NETS = {
    "dia_lstm": lambda: backbones.resnet(
        20, "basic", attention="dia_lstm", num_classes=100, preprocessing=normalization()
    ),
    "dia_lstm_light, logits": lambda: small(attention="dia_lstm_light", classifier_activation=None),
    "Keras' LSTMCell": lambda: small(attention=keras.layers.LSTMCell),
    "srm, shared": lambda: backbones.resnet(14, "basic", attention="srm", shared=True, preprocessing=normalization()),
    "spa, of uneven parts": lambda: one_block("spa", 28, 20),
    **{name: partial(one_block, name) for name in ("se", "eca", "cbam", "spa", "sem", "spem", "sge", "ie")},
    "wrn": lambda: backbones.wrn(10, 1, attention="dia_lstm", preprocessing=normalization()),
    "resnext": lambda: backbones.resnext(11, 8, 4, attention="dia_lstm", preprocessing=normalization()),
    "imagenet_resnet": half_of_imagenet_resnet,
    "features": lambda: small(include_top=False),
    "sequential": lambda: keras.Sequential([keras.Input((32, 32, 3)), normalization(), small(), keras.layers.ReLU()]),
}


#: Number of parts for LiteRT's delegate, where not 1. It has no op for what Keras' adaptive pooling does: gather.
PARTS = {"spa, of uneven parts": 3}


def randomized(model):
    """Gives batch norms, and what starts at zero, values as of a trained net, so that no mistake with them can hide."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name.endswith(("gamma", "beta", "mean", "variance", "weight", "weights", "scale", "shift")):
            weight.assign(weight + 0.1 * random.uniform(size=weight.shape))
    return model


def answers_of(model, images):
    """The answers of a model, op by op: that takes less time than to compile it for one call."""
    return keras.ops.convert_to_numpy(model(images, training=False))


def assert_near(path, model, images, part):
    """The answers of the file differ by less than this part of how much the model's differ between the images."""
    expected = answers_of(model, images)
    assert np.abs(ask(path, images) - expected).max() < part * np.ptp(expected, axis=0).max()
