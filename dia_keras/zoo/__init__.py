"""The zoo: networks by name, with their metadata and, where they are trained, their weights."""

import importlib

from .. import startup
from .cards import Card as Card
from .cards import list_models as list_models
from .metadata import card as card

if not startup.IS_COMMAND_LINE:
    from .hub.publishing import push as push
    from .loading import load as load
    from .predictions import decode_predictions as decode_predictions
    from .weights_file import save_weights as save_weights


def __getattr__(name: str):
    for module, function in (
        ("hub.publishing", "push"),
        ("loading", "load"),
        ("predictions", "decode_predictions"),
        ("weights_file", "save_weights"),
    ):
        if name == function:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
