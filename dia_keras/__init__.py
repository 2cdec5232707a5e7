"""dia_keras: DIA networks, one attention unit shared by all blocks of a stage, for Keras 3."""

import importlib

from . import startup
from .pixel_range import PixelRangeWarning as PixelRangeWarning
from .version import __version__ as __version__

if not startup.IS_COMMAND_LINE:
    startup.check_backend()
    # The import registers our layers with Keras, so that saved models load.
    from . import backbones as backbones
    from . import data as data
    from . import export as export
    from . import inference as inference
    from . import interop as interop
    from . import samples as samples
    from . import training as training
    from . import units as units
    from . import zoo as zoo


_PACKAGES = (
    "analysis",
    "backbones",
    "benchmark",
    "data",
    "detection",
    "export",
    "inference",
    "interop",
    "reproduction",
    "samples",
    "training",
    "units",
    "zoo",
)


def __getattr__(name: str):
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PACKAGES})
