"""dia_keras: DIA networks, one attention unit shared by all blocks of a stage, for Keras 3."""

from . import backbones as backbones
from . import data as data
from . import export as export
from . import inference as inference
from . import samples as samples
from . import training as training
from . import units as units
from . import zoo as zoo
from .version import __version__ as __version__
