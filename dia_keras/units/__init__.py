"""Attention units: cells that carry a state from block to block, and stateless modules."""

from .dia_lstm import DIALSTMCell as DIALSTMCell
from .dia_lstm_light import DIALSTMLightCell as DIALSTMLightCell
from .recurrent_attention import RecurrentAttention as RecurrentAttention
from .se import SE as SE
from .stacked import StackedCells as StackedCells
from .stacked import stacked_dia_lstm as stacked_dia_lstm
from .standard_lstm import StandardLSTMCell as StandardLSTMCell
