"""Modules: units without a state."""

from .cbam import CBAM as CBAM
from .eca import ECA as ECA
from .ie import IE as IE
from .se import SE as SE
from .sem import SEM as SEM
from .sge import SGE as SGE
from .spa import SPA as SPA
from .spem import SPEM as SPEM
from .srm import SRM as SRM
