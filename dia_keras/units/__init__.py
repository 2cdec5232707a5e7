"""Attention units: cells that carry a state from block to block, and modules without a state."""

from .attention_module import AttentionModule as AttentionModule
from .cbam import CBAM as CBAM
from .dia_lstm import DIALSTMCell as DIALSTMCell
from .dia_lstm_light import DIALSTMLightCell as DIALSTMLightCell
from .eca import ECA as ECA
from .ie import IE as IE
from .recurrent_attention import RecurrentAttention as RecurrentAttention
from .se import SE as SE
from .sem import SEM as SEM
from .sge import SGE as SGE
from .spa import SPA as SPA
from .spem import SPEM as SPEM
from .srm import SRM as SRM
from .stacked import StackedCells as StackedCells
from .stacked import stacked_dia_lstm as stacked_dia_lstm
from .standard_lstm import StandardLSTMCell as StandardLSTMCell
