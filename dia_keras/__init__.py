"""dia_keras: DIA networks, one attention unit shared by all blocks of a stage, for Keras 3."""

from . import backbones as backbones
from . import units as units

__version__ = "0.1.0"
