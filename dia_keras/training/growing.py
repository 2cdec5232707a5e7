"""Growing a trained network deeper: multi-level training (Chang et al., ICLR 2018, https://arxiv.org/abs/1710.10348).

A residual block is a step of a discretized dynamical system. A network of twice the blocks starts from the trained
one's: after every block comes a copy of it. Two ways to begin:

- `"halve"`: a block and its copy take half a step each, i.e. gain and bias of their last norms are halved. The
  paper's way.
- `"zero"`: the copy's last norm starts at zero, so that the network computes nearly what it did. The shared unit of a
  DIA network sees zeros there, and hardly moves; halved features make its state drift.

A stage's first block, which changes the shape, has no copy: the block after it is a copy of its neighbor that starts
at zero, either way. Units that blocks share stay as they are.
"""

import re
from typing import Literal, NamedTuple

import keras

BLOCK = re.compile(r"(stage\d+)_block(\d+)_(.+)")


class Origin(NamedTuple):
    """Where a block of the grown network comes from: block `number` of the same stage, its step scaled by `scale`."""

    number: int
    scale: float


def origins(small: int, large: int, growth: Literal["zero", "halve"]) -> list[Origin]:
    """Returns the origins of a stage's `large` blocks in a stage of `small` blocks, both counted from 1.

    Raises:
        ValueError: Where `large` is less than `small`, or a single block would have to grow.
    """
    if not small <= large or (small == 1 < large):
        raise ValueError(
            "`depth` must not fall from phase to phase, and a stage that grows must have two blocks or more. "
            f"Received: {small} and then {large} blocks a stage"
        )
    numbers = [-(-number * small // large) for number in range(1, large + 1)]
    by_block = []
    for position, number in enumerate(numbers):
        is_copy = number in numbers[:position]
        if number == 1:
            by_block.append(Origin(2, 0.0) if is_copy else Origin(1, 1.0))
        elif growth == "zero":
            by_block.append(Origin(number, 0.0 if is_copy else 1.0))
        else:
            by_block.append(Origin(number, 1 / numbers.count(number)))
    return by_block


def grow(
    small: keras.Model,
    large: keras.Model,
    growth: Literal["zero", "halve"] = "zero",
    momenta: Literal["keep", "reset"] = "keep",
) -> None:
    """Gives a deeper network of the same family the weights of a trained one.

    Where both are compiled, the optimizer's state goes along: the number of steps done, the averages of weights, and
    with `momenta="keep"` the momenta. A copy that starts at zero starts without momentum.

    Args:
        small: The trained network.
        large: The network that gets the weights, of the same depth or deeper.
        growth: `"zero"` or `"halve"`: see above.
        momenta: `"keep"` or `"reset"`.

    Raises:
        ValueError: Where the networks do not belong together.
    """
    pairs = matched(small, large, growth)
    for old, new, step, _ in pairs:
        new.assign(old * step)
    if getattr(small, "optimizer", None) is not None and getattr(large, "optimizer", None) is not None:
        _grow_optimizer(small.optimizer, large.optimizer, pairs, momenta)


def matched(
    small: keras.Model, large: keras.Model, growth: Literal["zero", "halve"] = "zero"
) -> list[tuple[keras.Variable, keras.Variable, float, bool]]:
    """Returns the weights of two networks that belong together: old, new, scale, and whether the copy starts at zero.

    Raises:
        ValueError: Where the networks do not belong together.
    """
    plan = {stage: origins(blocks, _blocks(large).get(stage, 0), growth) for stage, blocks in _blocks(small).items()}
    layers = {layer.name: layer for layer in small.layers if layer.weights}
    last = _last_layers(large)
    pairs: list[tuple[keras.Variable, keras.Variable, float, bool]] = []
    for layer in large.layers:
        if not layer.weights:
            continue
        name, scale = layer.name, 1.0
        if match := BLOCK.fullmatch(layer.name):
            stage, number, part = match.groups()
            origin = plan[stage][int(number) - 1]
            name, scale = f"{stage}_block{origin.number}_{part}", origin.scale
        if name not in layers or [w.shape for w in layers[name].weights] != [w.shape for w in layer.weights]:
            raise ValueError(
                "`large` must be `small` with more blocks, and its layers must have the same names. "
                f"Received: a layer {layer.name!r} that differs"
            )
        for old, new in zip(layers[name].weights, layer.weights, strict=True):
            # Of a norm the moving statistics stay; of a convolution, where no norm follows it, the kernel is scaled.
            is_step = layer.name in last and new.trainable
            pairs.append((old, new, scale if is_step else 1.0, scale == 0))
    return pairs


def _grow_optimizer(small, large, pairs, momenta) -> None:
    """Carries the state of an optimizer over to that of the grown network."""
    large.iterations.assign(small.iterations)
    for old, new, step, is_new in pairs:
        if not new.trainable:
            continue
        here, there = small._get_variable_index(old), large._get_variable_index(new)
        if momenta == "keep" and getattr(small, "momentums", None):
            large.momentums[there].assign(small.momentums[here] * (0.0 if is_new else 1.0))
        if small.use_ema:
            large._model_variables_moving_average[there].assign(small._model_variables_moving_average[here] * step)


def _blocks(model: keras.Model) -> dict[str, int]:
    """Returns the number of blocks by stage."""
    numbers: dict[str, int] = {}
    for layer in model.layers:
        if match := BLOCK.fullmatch(layer.name):
            numbers[match[1]] = max(numbers.get(match[1], 0), int(match[2]))
    return numbers


def _last_layers(model: keras.Model) -> set[str]:
    """Returns the names of the layers that end the blocks' branches: the last norm, or a convolution without.

    Norms of something else than feature maps are an attention's.
    """
    last: dict[tuple[str, str], str] = {}
    for layer in model.layers:
        match = BLOCK.fullmatch(layer.name)
        ends = isinstance(layer, keras.layers.BatchNormalization | keras.layers.Conv2D)
        if match and ends and len(layer.output.shape) == 4 and not match[3].startswith("shortcut"):
            last[match[1], match[2]] = layer.name
    return set(last.values())
