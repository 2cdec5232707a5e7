"""The feature pyramid: an ImageNet ResNet, and the FPN of Lin et al. (2017) over its stages."""

import logging
import os
import pathlib
from typing import Any

import keras

from ... import zoo
from ...backbones import imagenet_resnet, stage_outputs
from ...units.initializers import without_initial_values
from ...zoo.files.reading import read_file
from ...zoo.loading import load_features, preprocessing

#: Channels of every level.
CHANNELS = 256
#: Strides of the levels by number: P2 has 4 pixels a place.
STRIDES = {level: 2**level for level in range(2, 8)}

_logger = logging.getLogger("dia_keras")


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
        attention: See `dia_keras.backbones`, as for the other settings.
        weights: Name of a zoo entry with pretrained weights, or the path of a weights file, with a classifier or
            without. They must fit the network, or the plain ResNet of its depth: then the attention alone keeps its
            initial values, and a line in the log of `dia_keras` says so.
        freeze_norms: Whether the batch norms keep weights and statistics, as is usual where batches are small.
        **settings: More of the backbone's own, e.g. `attention_config`.

    Raises:
        ValueError: Where the weights do not fit; the message lists what is missing, left over or of another shape.
    """
    options = {
        "input_shape": (*image_size, 3),
        "include_top": False,
        "preprocessing": preprocessing(zoo.card("resnet50_imagenet").dataset),
    }
    model = imagenet_resnet(depth, attention=attention, name="backbone", **options, **settings)
    if weights is not None and str(weights) in zoo.list_models():
        pretrained = zoo.load(str(weights), include_top=False, input_shape=(*image_size, 3))
        _take_over(pretrained, model, weights, freeze_norms)
    elif weights is not None:
        _load(model, weights, depth, attention, options, freeze_norms)
    return Functional(model.input, model.output, name=model.name) if freeze_norms else model


def _load(
    model: keras.Model,
    weights: str | os.PathLike,
    depth: int,
    attention: Any,
    options: dict[str, Any],
    freeze_norms: bool,
) -> None:
    """Loads a file of the backbone's weights, or of those of the plain ResNet of its depth."""
    file = read_file(pathlib.Path(weights).expanduser())
    try:
        load_features(model, file)
    except ValueError as error:
        if attention is None:
            raise
        with without_initial_values():
            plain = imagenet_resnet(depth, name=f"plain ResNet{depth}", **options)
        try:
            load_features(plain, file)
        except ValueError as other:
            reasons = dict.fromkeys(str(failure) for failure in (error, other))  # a damaged file has one
            raise ValueError(
                f"`backbone_weights` must be those of a ResNet{depth} with attention={attention!r}, or of a plain one: "
                + "; and ".join(reasons)
            ) from error
        _take_over(plain, model, weights, freeze_norms)


def _take_over(source: keras.Model, model: keras.Model, weights: str | os.PathLike, freeze_norms: bool) -> None:
    """Gives a backbone the weights of a network, layer by layer; attention may keep its own where that has none.

    Raises:
        ValueError: Where any other layer is missing, left over, or of other shapes; where norms of an attention would
            be frozen at their initial values.
    """
    given, wanted = ({layer.name: layer for layer in network.layers if layer.weights} for network in (source, model))
    own = [name for name in wanted if "_attention" in name]  # as backbones.attention names its layers
    if any(name in given for name in own):
        own = []
    new_norms = [norm.name for name in own for norm in _norms(wanted[name])]
    if new_norms and freeze_norms:
        raise ValueError(
            "`freeze_norms` must be False where `backbone_weights` are of a plain ResNet and the attention has batch "
            f"norms, which would stay as they begin. Received: freeze_norms=True, with {new_norms[0]}"
        )
    problems = [f"{name} is missing" for name in wanted if name not in given and name not in own]
    problems += [f"{name} is left over" for name in given if name not in wanted]
    for name in given.keys() & wanted.keys():
        shapes = [[tuple(weight.shape) for weight in layer.weights] for layer in (given[name], wanted[name])]
        if shapes[0] != shapes[1]:
            problems.append(f"{name} has shapes {shapes[0]} instead of {shapes[1]}")
    if problems:
        rest = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ValueError(
            f"`backbone_weights` must fit the backbone, or the plain one: {'; '.join(problems[:3])}{rest}. "
            f"Received: backbone_weights={str(weights)!r}"
        )
    for name, layer in given.items():
        wanted[name].set_weights(layer.get_weights())
    if own:
        _logger.warning(
            "%s: loaded all %d layers of the plain ResNet; the attention alone keeps its initial values, in %s.",
            weights,
            len(given),
            ", ".join(own) if len(own) < 5 else f"{len(own)} layers, {own[0]} to {own[-1]}",
        )


@keras.saving.register_keras_serializable("dia_keras", "FrozenNorms")
class Functional(keras.Model):
    """A functional model whose batch norms are frozen, and stay so where `trainable` is set to `True` again.

    Its name is that of Keras' own class, since the paths in weights files have it. The norms are Keras' own, too, as
    those that know their class want them: a convolution takes up such a norm in `dia_keras.inference`.
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self._freeze()

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        keras.Model.trainable.fset(self, value)
        self._freeze()

    def _freeze(self):
        for layer in _norms(self):
            layer.trainable = False


def _norms(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the batch norms within a layer, or the layer itself if it is one."""
    return [part for part in layer._flatten_layers() if isinstance(part, keras.layers.BatchNormalization)]


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
