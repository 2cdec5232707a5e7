"""Stem, stages, head: what all backbones share, and the loop that carries the state through a stage."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypedDict

import keras

from ..arguments import boolean, is_integer, positive_integer
from ..units.initializers import linear_bias, linear_kernel
from .attention import Attention
from .layers import conv, from_image_shape, norm, relu, to_image_shape

# The authors' WRN and ResNeXt start the biases of all linear maps at zero.
ZERO_BIAS: dict[str, Any] = {"bias_initializer": "zeros"}
ZERO_BIAS_CELLS = {name: ZERO_BIAS for name in ("dia_lstm", "dia_lstm_light", "lstm")}


class Stage(NamedTuple):
    """`blocks` blocks of `filters` output channels, the first with stride `stride`."""

    filters: int
    stride: int
    blocks: int


class NetworkOptions(TypedDict, total=False):
    """The keyword arguments that every backbone takes: see `dia_keras.backbones`."""

    attention: Any
    attention_config: dict[str, Any] | None
    shared: bool | None
    attention_stages: tuple[int, ...] | None
    input_shape: tuple[int | None, int | None, int | None] | None
    num_classes: int
    include_top: bool
    pooling: Literal["avg", "max"] | None
    classifier_activation: str | None
    preprocessing: keras.layers.Layer | None
    name: str | None


def check_classes(num_classes, activation) -> int:
    """Returns the number of classes as a Python integer.

    Args:
        num_classes: Number of classes.
        activation: Activation of the classifier.

    Raises:
        ValueError: If the number is not a positive integer, or is one where the activation is softmax.
    """
    num_classes = positive_integer("num_classes", num_classes)
    if num_classes == 1 and keras.activations.get(activation) is keras.activations.softmax:
        raise ValueError(
            "`num_classes` must be at least 2 with a softmax, which is always 1 for one class: for two classes by "
            "one number, pass `classifier_activation='sigmoid'`, or None for logits. "
            f"Received: num_classes=1, classifier_activation={activation!r}"
        )
    return num_classes


def build_network(
    *,
    stem: Callable,
    stages: list[Stage],
    block: Callable,
    pre_activation: bool = False,
    attention_defaults: dict[str, dict[str, Any]],
    total_stride: int,
    norm_before_cells: bool = False,
    classifier_initializers: dict[str, Any] | None = None,
    attention: Any = None,
    attention_config: dict[str, Any] | None = None,
    shared: bool | None = None,
    attention_stages: tuple[int, ...] | None = None,
    input_shape: tuple[int | None, int | None, int | None] | None = (32, 32, 3),
    num_classes: int = 10,
    include_top: bool = True,
    pooling: Literal["avg", "max"] | None = None,
    classifier_activation: str | None = "softmax",
    preprocessing: keras.layers.Layer | None = None,
    name: str | None = None,
) -> keras.Model:
    """Builds a residual network with an attention of choice.

    The arguments from `attention` on are those of all backbones: see `dia_keras.backbones`.

    Args:
        stem: Function of the input tensor that returns the first stage's input.
        stages: The stages, first to last.
        block: Function like `blocks.post_activation_block`.
        pre_activation: Whether the blocks are of pre-activation form; a last BN-ReLU then ends the stages.
        attention_defaults: The backbone's own keyword arguments of attentions, by their names in `ATTENTIONS`.
        total_stride: Product of all strides, the least height and width of an image.
        norm_before_cells: Whether every block has a batch norm before an attention with a state.
        classifier_initializers: The backbone's own `kernel_initializer` and `bias_initializer` of the dense layer.

    Returns:
        A functional `keras.Model`. The output of stage k is that of the layer `stage<k>_output`.

    Raises:
        ValueError: On an argument out of range.
    """
    input_shape = to_image_shape(None, None, 3) if input_shape is None else input_shape
    _check_input_shape(input_shape, total_stride)
    if boolean("include_top", include_top):
        num_classes = check_classes(num_classes, classifier_activation)
    if pooling not in (None, "avg", "max"):
        raise ValueError(f"`pooling` must be None, 'avg' or 'max'. Received: pooling={pooling!r}")
    defaults = attention_defaults.get(attention, {}) if isinstance(attention, str) else {}
    layers = Attention(
        attention,
        attention_config,
        defaults,
        shared,
        attention_stages,
        len(stages),
        norm_before_cells=norm_before_cells,
    )

    inputs = keras.Input(input_shape, name="images")
    x = inputs if preprocessing is None else preprocessing(inputs)
    x = stem(x)
    for number, stage in enumerate(stages, 1):
        attention_of = layers.stage(number, stage.filters)
        output_name = f"stage{number}_output"
        if pre_activation and number == len(stages):
            output_name = f"stage{number}_add"
        states = None
        for i in range(1, stage.blocks + 1):
            block_name = f"stage{number}_block{i}"
            x, states = block(
                x,
                states,
                stage.filters,
                stage.stride if i == 1 else 1,
                attention_of(block_name),
                block_name,
                output_name if i == stage.blocks else f"{block_name}_output",
            )
    if pre_activation:
        x = relu(norm(x, name="post_bn"), name=f"stage{len(stages)}_output")
    if include_top:
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
        x = classifier(x, num_classes, classifier_activation, **(classifier_initializers or {}))
    elif pooling:
        pool = keras.layers.GlobalAveragePooling2D if pooling == "avg" else keras.layers.GlobalMaxPooling2D
        x = pool(name="pool")(x)
    return keras.Model(inputs, x, name=name)


def classifier(x, num_classes: int, activation: str | None = "softmax", **initializers):
    """The head: a dense layer, always in float32. By default kernel and bias start uniform in +-1/sqrt(fan_in)."""
    start = {"kernel_initializer": linear_kernel(), "bias_initializer": linear_bias(x.shape[-1]), **initializers}
    return keras.layers.Dense(num_classes, activation, dtype="float32", name="classifier", **start)(x)


def stage_outputs(model: keras.Model) -> dict[str, Any]:
    """Returns the outputs of a backbone's stages, for feature pyramids and the like.

    Args:
        model: Network of `dia_keras.backbones`.

    Returns:
        A dict of KerasTensors by `"stage1"`, `"stage2"`, ..., of shape `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` if channels come first.

    Raises:
        ValueError: If the model does not have stages.

    Example:

    >>> backbone = resnet(56, include_top=False)
    >>> features = keras.Model(backbone.input, stage_outputs(backbone))
    """
    endings = [layer for layer in model.layers if layer.name.startswith("stage") and layer.name.endswith("_output")]
    outputs = {layer.name.removesuffix("_output"): layer.output for layer in endings if "_block" not in layer.name}
    if not outputs:
        raise ValueError(f"`model` must be a backbone of dia_keras. Received: model={model!r}, without stages")
    return outputs


def small_stem(filters: int, pre_activation: bool = False) -> Callable:
    """3x3 convolution, with BN and ReLU but for pre-activation nets: the stem for CIFAR."""

    def stem(x):
        x = conv(x, filters, 3, name="stem_conv")
        return x if pre_activation else relu(norm(x, name="stem_bn"), name="stem_relu")

    return stem


def large_stem(x):
    """7x7 convolution of stride 2, BN, ReLU, 3x3 max-pooling of stride 2: the stem for ImageNet."""
    x = conv(x, 64, 7, 2, name="stem_conv")
    x = relu(norm(x, name="stem_bn"), name="stem_relu")
    x = keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    return keras.layers.MaxPooling2D(3, 2, name="stem_pool")(x)


def blocks_per_stage(depth: int, per_block: int, offset: int, hint: str = "") -> int:
    """Returns n where depth = n * per_block + offset, or raises a `ValueError` that names valid depths.

    Args:
        depth: Depth of the network.
        per_block: Layers of a block, in all stages.
        offset: Layers beside the blocks.
        hint: What else the error says.
    """
    if not is_integer(depth, offset + 1) or (depth - offset) % per_block:
        valid = ", ".join(str(n * per_block + offset) for n in (1, 2, 3))
        raise ValueError(f"`depth` must be {per_block} n + {offset}: {valid}, ...{hint} Received: depth={depth!r}")
    return int(depth - offset) // per_block


def _check_input_shape(input_shape, total_stride: int) -> None:
    is_triple = isinstance(input_shape, (tuple, list)) and len(input_shape) == 3
    are_sides = is_triple and all(side is None or is_integer(side, 1) for side in input_shape)
    if not are_sides or from_image_shape(input_shape)[2] is None:
        raise ValueError(
            "`input_shape` must be three integers, a height and a width, which may be None, and the channels. "
            f"Received: input_shape={input_shape!r}"
        )
    height, width, _ = from_image_shape(input_shape)
    if any(side is not None and side < total_stride for side in (height, width)):
        raise ValueError(
            f"`input_shape` must be at least {total_stride} pixels high and wide, the net's total stride. "
            f"Received: input_shape={input_shape!r}"
        )
