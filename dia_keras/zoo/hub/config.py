"""`config.json` of a repository: the card of its network, with every value checked when it is read.

A repository may be anyone's. Nothing in its card names code to run: backbones and attentions are names of ours, and all
else are texts and numbers with bounds.
"""

import dataclasses
import inspect
import json
import pathlib
import re
import reprlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, get_args

from ...arguments import is_integer
from ...backbones import ATTENTIONS
from ...data.picture import Resize
from ...units.cells.lstm_base import TwoStateCell
from ..architectures import BACKBONES
from ..cards import Architecture, Card, Dataset, Metrics, Weights
from ..files.reading import LARGEST, SUFFIXES

CONFIG = "config.json"
LIBRARY, FORMAT = "dia_keras", 1
#: Bytes of a config that is read at all: a thousand labels have some twenty thousand.
LARGEST_CONFIG = 1 << 20
#: Weights of a network that a file of the largest size could hold, in float16.
MOST_PARAMETERS = LARGEST // 2

#: What a value must be: a check, and how a message says it.
Rule = tuple[Callable[[Any], bool], str]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _integer(least: int, most: int) -> Rule:
    return lambda value: is_integer(value, least, most), f"an integer from {least} to {most}"


def _one_of(*values: Any) -> Rule:
    return lambda value: any(value is allowed or (value == allowed and isinstance(value, str)) for allowed in values), (
        f"one of {', '.join(json.dumps(allowed) for allowed in values)}"
    )


def _text(most: int) -> Rule:
    # What is not printable could be a command to a terminal.
    return (
        lambda value: isinstance(value, str) and len(value) <= most and value.isprintable(),
        f"a text of at most {most} printable characters",
    )


def _list(least: int, most: int, of: Rule) -> Rule:
    is_right, words = of
    return (
        lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(is_right, value)),
        f"a list of {least} to {most} values, each {words}",
    )


def _or_none(rule: Rule) -> Rule:
    return lambda value: value is None or rule[0](value), f"null or {rule[1]}"


def _is_setting(item: tuple[str, Any]) -> bool:
    name, value = item
    if name == "cells":
        return is_integer(value, 1, 16)
    return (
        isinstance(value, bool)
        or (isinstance(value, str) and len(value) <= 50)
        or (_is_number(value) and abs(value) <= 4096)
    )


BOOLEAN: Rule = (lambda value: isinstance(value, bool), "true or false")
OBJECT: Rule = (lambda value: isinstance(value, dict), "an object")
SETTINGS: Rule = (
    lambda value: (
        value is None or (isinstance(value, dict) and len(value) <= 16 and all(map(_is_setting, value.items())))
    ),
    "null or an object of settings, numbers up to 4096 (cells: up to 16), booleans and short texts",
)
#: The arguments of backbones that a card may have.
ARGUMENTS: dict[str, Rule] = {
    "depth": _integer(1, 1300),
    "widen": _integer(1, 64),
    **dict.fromkeys(("cardinality", "group_width"), _integer(1, 512)),
    **dict.fromkeys(("filters", "stem_filters"), _integer(1, 4096)),
    "block": _one_of("bottleneck", "basic"),
    "projection": _one_of("raw", "activated"),
    **dict.fromkeys(("normalize", "skip", "norm_before_cells", "stride_in_1x1"), BOOLEAN),
    "dropout": (lambda value: _is_number(value) and 0 <= value < 1, "a number from 0 to less than 1"),
    "attention": _one_of(None, *ATTENTIONS),
    "attention_config": SETTINGS,
    "shared": _one_of(None, True, False),
    "attention_stages": _or_none(_list(1, 8, _integer(1, 8))),
}
#: Those that every backbone takes.
_OF_ALL = {"attention", "attention_config", "shared", "attention_stages"}


def config_of(card: Card) -> dict[str, Any]:
    """Returns a card as JSON has it in a repository."""
    fields = dataclasses.asdict(card)
    fields["weights"].pop("url")
    if card.metrics is not None:
        details = fields["metrics"].pop("details")
        fields["metrics"] = {**fields["metrics"], **details}
    return {"library": LIBRARY, "format": FORMAT, **fields}


def card_from(content: bytes, origin: str) -> Card:
    """Returns the card in a config.

    Args:
        content: The file's bytes.
        origin: Where it is from, for messages.

    Raises:
        ValueError: If it is not a config of ours, or a value is missing, of another type or out of range; the message
            names the value.
    """
    config = _Object(_parse(content, origin), "", origin)
    config.take("library", _one_of(LIBRARY))
    config.take("format", (lambda value: value == FORMAT and is_integer(value), f"{FORMAT}, of this dia_keras"))
    weights = config.object("weights")
    metrics = config.take("metrics", _or_none(OBJECT), None)
    return Card(
        name=config.take("name", (_is_name, "letters, digits, '_', '-' and '.', at most 100, a letter or digit first")),
        architecture=_architecture(config.object("architecture")),
        parameters=config.take("parameters", _integer(1, MOST_PARAMETERS)),
        dataset=_dataset(config.object("dataset")),
        recipe=config.take("recipe", _text(200), ""),
        license=config.take("license", _text(200)),
        paper=config.take("paper", _text(1000), ""),
        weights=Weights(
            weights.take("file", (_is_file, f"the name of a file that ends in {' or '.join(SUFFIXES)}")),
            weights.take("size", _integer(1, LARGEST)),
            weights.take("sha256", (_is_sha256, "64 hexadecimal digits")),
        ),
        metrics=None if metrics is None else _metrics(_Object(metrics, "metrics.", origin)),
        resize=config.take("resize", _one_of(*get_args(Resize))),
    )


def is_config(path: pathlib.Path) -> bool:
    """Returns whether a file is a config of ours, of whatever format."""
    try:
        return json.loads(path.read_bytes()[:LARGEST_CONFIG])["library"] == LIBRARY
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False


class _Object:
    """An object of a config, whose values are taken by the rules that they must keep."""

    def __init__(self, values: Mapping[str, Any], path: str, origin: str):
        self.values, self.path, self.origin = values, path, origin

    def take(self, key: str, rule: Rule, *default: Any) -> Any:
        is_right, words = rule
        if key not in self.values:
            if default:
                return default[0]
            raise ValueError(f"{CONFIG} must have `{self.path}{key}`, {words}. Received: {self.origin}, without it")
        value = self.values[key]
        if not is_right(value):
            shown = reprlib.repr(value)
            raise ValueError(f"`{self.path}{key}` of {CONFIG} must be {words}. Received: {shown} in {self.origin}")
        return value

    def object(self, key: str) -> "_Object":
        return _Object(self.take(key, OBJECT), f"{self.path}{key}.", self.origin)


def _parse(content: bytes, origin: str) -> dict[str, Any]:
    if len(content) > LARGEST_CONFIG:
        raise ValueError(f"{CONFIG} must have at most {LARGEST_CONFIG} bytes. Received: more in {origin}")
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{CONFIG} must be JSON. Received: {origin} ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{CONFIG} must be a JSON object. Received: {origin}")
    return fields


def _architecture(fields: _Object) -> Architecture:
    backbone = fields.take("backbone", _one_of(*BACKBONES))
    given = fields.object("arguments")
    own = inspect.signature(BACKBONES[backbone]).parameters.keys() & ARGUMENTS.keys()
    unknown = sorted(given.values.keys() - own - _OF_ALL)
    if unknown:
        raise ValueError(
            f"`architecture.arguments` of {CONFIG} must be those of {backbone}: {', '.join(sorted(own | _OF_ALL))}. "
            f"Received: {', '.join(unknown)[:80]} in {given.origin}"
        )
    parameters = inspect.signature(BACKBONES[backbone]).parameters
    needed = {key for key in own if parameters[key].default is inspect.Parameter.empty}
    if missing := sorted(needed - given.values.keys()):
        raise ValueError(
            f"`architecture.arguments` of {CONFIG} must have {', '.join(missing)} for {backbone}. "
            f"Received: {', '.join(sorted(given.values)) or 'none'} in {given.origin}"
        )
    arguments = {key: given.take(key, ARGUMENTS[key]) for key in given.values}
    if about_parameters(backbone, arguments) > MOST_PARAMETERS:
        raise ValueError(
            f"`architecture.arguments` of {CONFIG} must be those of a network with at most {MOST_PARAMETERS:,} "
            f"parameters. Received: {arguments} in {given.origin}"
        )
    return Architecture(backbone, {key: tuple(v) if isinstance(v, list) else v for key, v in arguments.items()})


def about_parameters(backbone: str, arguments: Mapping[str, Any]) -> float:
    """Returns about how many parameters a network has, its attention at the most, to refuse absurd sizes unbuilt."""
    values = {"depth": 101, "widen": 4, "cardinality": 8, "group_width": 32, "filters": 128, **arguments}
    depth, channels = values["depth"], 2048 if backbone == "imagenet_resnet" else 256  # of the last stage
    plain = 0 if backbone == "imagenet_resnet" else 14_000 * depth  # of ImageNet's, there are four depths
    if backbone == "wrn":
        plain, channels = 14_500 * depth * values["widen"] ** 2, 64 * values["widen"]
    if backbone == "resnext":
        groups, width = values["cardinality"], values["group_width"]
        plain, channels = depth * groups * width * (5 * values["filters"] + 22 * width), 4 * values["filters"]
        plain += values.get("stem_filters", 64) * groups * width
    if not values.get("attention"):
        return plain
    unit = ATTENTIONS[values["attention"]]
    is_shared = issubclass(unit, TwoStateCell) if values.get("shared") is None else values["shared"]
    units = 1 if is_shared else depth / 4  # the longest stage of ResNet101 has 23 blocks
    # All stages together have at most 4/3 of the square of the last one's channels, and less than twice its channels.
    least_ratio = 16 if backbone == "imagenet_resnet" else 4  # of the backbones' own
    squares, others = _of_attention(values["attention"], values.get("attention_config") or {}, least_ratio)
    return plain + units * (4 / 3 * squares * channels**2 + 80 * channels + others)


def _of_attention(name: str, settings: Mapping[str, Any], ratio: int) -> tuple[float, float]:
    """Returns how many squares of the channels an attention has as parameters, and how many parameters besides."""

    def number(key: str, default: float) -> float:
        value = settings.get(key, default)
        return max(1, value) if _is_number(value) else 1

    cells = settings.get("cells", 1)
    squares = {
        "dia_lstm": 10 * cells / number("reduction", 4),
        "dia_lstm_light": 4 * cells / number("reduction", 16),
        "lstm": 8 * cells,
        "spa": 22 / number("ratio", ratio),
    }
    return squares.get(name, 2 / number("ratio", ratio)), 6 * number("kernel_size", 7) ** 2


def _dataset(fields: _Object) -> Dataset:
    mean = fields.take("mean", _list(1, 64, (_is_number, "a number")))
    std = fields.take(
        "std", _list(len(mean), len(mean), (lambda value: _is_number(value) and value > 1e-6, "a positive number"))
    )
    return Dataset(
        name=fields.take("name", _text(200)),
        title=fields.take("title", _text(200)),
        labels=tuple(fields.take("labels", _list(2, 50_000, _text(200)))),
        mean=tuple(map(float, mean)),
        std=tuple(map(float, std)),
        image_size=tuple(fields.take("image_size", _list(2, 2, _integer(1, 4096)))),
        source=fields.take("source", _text(1000), ""),
        license=fields.take("license", _text(1000), ""),
    )


def _metrics(fields: _Object) -> Metrics:
    percent: Rule = (lambda value: _is_number(value) and 0 <= value <= 100, "a number from 0 to 100")
    for key, rule in (("balanced_accuracy", _or_none(percent)), ("images", _integer(0, 1 << 40))):
        fields.take(key, rule, None)
    for key in fields.values:
        fields.take(key, (_is_plain, "null, a number, a boolean or a text of at most 4000 printable characters"))
    known = {
        "top1": fields.take("top1", percent),
        "top5": fields.take("top5", _or_none(percent), None),
        **{key: fields.take(key, _integer(0, 1 << 40), 0) for key in ("epochs", "seed")},
        **{key: fields.take(key, _text(4000), "") for key in ("hardware", "command", "log")},
    }
    return Metrics(**known, details={key: value for key, value in fields.values.items() if key not in known})


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool) or _is_number(value) or _text(4000)[0](value)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][\w.-]{0,99}", value, re.ASCII) is not None


def _is_file(value: Any) -> bool:
    return _is_name(value) and value.endswith(SUFFIXES)


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None
