"""Facts about an attention by its class: its name, formula and paper for people, and its settings for backbones."""

import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras

_OF_EVERY_LAYER = ("dtype", "trainable")
#: Names of a cell's or module's width, which the backbone gives.
WIDTH = ("units", "channels")


class Unit:
    """Mixin for the class of an attention: a cell, or a module without a state.

    Attributes:
        key: Its name as the `attention=` of a backbone.
        title: Its name for people.
        formula: Number of parameters for N channels, with the default of each setting in it, such as
            `"2 N²/r + N/r + N (r: ratio = 16)"`. A backbone may have defaults of its own.
        paper: Address of the defining paper.
    """

    key: str = ""
    title: str = ""
    formula: str = ""
    paper: str = ""

    @classmethod
    def for_channels(cls, channels: int, **settings) -> keras.layers.Layer:
        """Returns the cell or the module for features of `channels` channels."""
        raise NotImplementedError(f"{cls.__name__} must define `for_channels`")

    @classmethod
    def check_settings(cls, settings: dict[str, Any]) -> None:
        """Raises a `ValueError` where `for_channels` does not take all of the settings."""
        if not isinstance(settings, Mapping):
            raise ValueError(f"`attention_config` must be a dictionary. Received: attention_config={settings!r}")
        # Each `__init__` by itself: of a class that inherits it, some patch releases of Python tell the signature of
        # Keras' `__new__` instead.
        own = itertools.takewhile(lambda base: base is not keras.layers.Layer, cls.__mro__)
        constructors = [vars(base)["__init__"] for base in own if "__init__" in vars(base)]
        known = _keywords([cls.for_channels, *constructors])
        if settings.keys() - {*known, *_OF_EVERY_LAYER}:
            raise ValueError(
                f"`attention_config` for {cls.key or cls.__name__!r} must have keywords among {', '.join(known)}. "
                f"Received: attention_config={settings!r}"
            )


def _keywords(functions: Iterable[Callable]) -> list[str]:
    """Returns the keywords that the first function takes, and those that it hands on to the next."""
    known: dict[str, None] = {}
    for function in functions:
        parameters = inspect.signature(function).parameters.values()
        named = (
            parameter
            for parameter in parameters
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        )
        known |= {parameter.name: None for parameter in named if parameter.name not in ("self", *WIDTH)}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return list(known)
