"""From images to a feature pyramid: an ImageNet ResNet and the FPN of Lin et al. (2017) over its stages."""

import os
from typing import Any

import keras

from ... import zoo
from ...backbones import imagenet_resnet, stage_outputs
from ...zoo.loading import preprocessing
from ...zoo.weights_file import load_weights

#: Channels of every level.
CHANNELS = 256
#: Strides of the levels by number: P2 has 4 pixels a place.
STRIDES = {level: 2**level for level in range(2, 8)}


def backbone(
    depth: int,
    image_size: tuple[int, int],
    *,
    attention: Any = None,
    weights: str | os.PathLike | None = None,
    freeze_norms: bool = True,
    **settings: Any,
) -> keras.Model:
    """Returns an ImageNet ResNet from raw images, of values 0 to 255, to the features of its last stage.

    Args:
        depth: 18, 34, 50 or 101.
        image_size: Height and width in pixels.
        attention: See `dia_keras.backbones.network.build_network`, as for the other settings.
        weights: Name of a zoo entry with pretrained weights, or the path of a weights file that fits the entry of
            this depth and attention, as `dia-keras convert` writes it. They must fit the network.
        freeze_norms: Whether the batch norms keep weights and statistics, as is usual where batches are small.
        **settings: More of the backbone's own, e.g. `attention_config`.
    """
    shape = (*image_size, 3)
    model = imagenet_resnet(
        depth,
        attention=attention,
        input_shape=shape,
        include_top=False,
        preprocessing=preprocessing(zoo.card("resnet50_imagenet").dataset),
        name="backbone",
        **settings,
    )
    if weights is not None:
        _give_weights(model, weights, depth, attention, shape)
    if freeze_norms:
        for layer in model._flatten_layers(include_self=False):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    return model


def _give_weights(model: keras.Model, weights, depth: int, attention, shape: tuple[int, ...]) -> None:
    """Gives a backbone the weights of a zoo entry or of a file.

    Raises:
        ValueError: Where they do not fit.
    """
    if str(weights) in zoo.list_models():
        source = zoo.load(str(weights), include_top=False, input_shape=shape)
    else:
        entry = {None: "resnet{}_imagenet", "dia_lstm": "dia_resnet{}_imagenet"}.get(attention)
        if entry is None:
            source = model.__class__.from_config(model.get_config())
            load_weights(source, weights)
        else:
            source = zoo.load(entry.format(depth), weights=weights, include_top=False, input_shape=shape)
    given, wanted = [[tuple(each.shape) for each in network.weights] for network in (source, model)]
    if given != wanted:
        raise ValueError(
            f"`backbone_weights` must fit a ResNet{depth} with attention={attention!r}. Received: "
            f"backbone_weights={str(weights)!r}, of {len(given)} weights instead of {len(wanted)}, or other shapes"
        )
    model.set_weights(source.get_weights())


def feature_pyramid(model: keras.Model, levels: tuple[int, ...]) -> list:
    """Returns the levels of a feature pyramid over a backbone's stages, KerasTensors with 256 channels.

    Levels 2 to 5 are sums of a stage, through a 1x1 convolution, and the level above, made twice as large by nearest
    neighbors, through a 3x3 convolution. With levels up to 7, P6 is a 3x3 convolution of stride 2 on the last stage,
    P7 one on P6 after ReLU (RetinaNet). With levels up to 6, P6 is every second place of P5 (Faster R-CNN).

    keras-cv's FeaturePyramid has the same convolutions; the levels beyond P5 differ in both detectors, so that a
    subclass would be as long.

    Args:
        model: The backbone, of four stages.
        levels: Numbers of the levels, `(3, 4, 5, 6, 7)` or `(2, 3, 4, 5, 6)`.
    """
    stages = {level: stage_outputs(model)[f"stage{level - 1}"] for level in range(2, 6)}
    inner, outputs = None, {}
    for level in sorted(set(levels) & set(stages), reverse=True):
        lateral = _conv(stages[level], 1, name=f"pyramid_lateral{level}")
        if inner is not None:
            larger = keras.layers.UpSampling2D(name=f"pyramid_upsample{level}")(inner)
            lateral = keras.layers.Add(name=f"pyramid_sum{level}")([lateral, larger])
        inner = lateral
        outputs[level] = _conv(inner, 3, name=f"pyramid_output{level}")
    if 7 in levels:
        outputs[6] = _strided(stages[5], name="pyramid_output6")
        outputs[7] = _strided(keras.layers.ReLU(name="pyramid_relu6")(outputs[6]), name="pyramid_output7")
    elif 6 in levels:
        outputs[6] = keras.layers.MaxPooling2D(1, 2, name="pyramid_output6")(outputs[5])
    return [outputs[level] for level in levels]


def _conv(x, kernel_size: int, stride: int = 1, padding: str = "same", *, name: str):
    initializer = keras.initializers.VarianceScaling(1.0, "fan_in", "uniform")
    layer = keras.layers.Conv2D(
        CHANNELS, kernel_size, stride, padding, kernel_initializer=initializer, name=name, data_format="channels_last"
    )
    return layer(x)


def _strided(x, *, name: str):
    """Returns a 3x3 convolution of stride 2, padded alike on all sides."""
    return _conv(keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x), 3, 2, "valid", name=name)
