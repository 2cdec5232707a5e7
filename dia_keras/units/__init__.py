"""Attention units: cells that carry a state from block to block, and modules without a state."""

from .attention_module import AttentionModule as AttentionModule
from .cells import DIALSTMCell as DIALSTMCell
from .cells import DIALSTMLightCell as DIALSTMLightCell
from .cells import StackedCells as StackedCells
from .cells import StandardLSTMCell as StandardLSTMCell
from .cells import stacked_dia_lstm as stacked_dia_lstm
from .modules import CBAM as CBAM
from .modules import ECA as ECA
from .modules import IE as IE
from .modules import SE as SE
from .modules import SEM as SEM
from .modules import SGE as SGE
from .modules import SPA as SPA
from .modules import SPEM as SPEM
from .modules import SRM as SRM
from .recurrent_attention import RecurrentAttention as RecurrentAttention
