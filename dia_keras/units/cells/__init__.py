"""Cells: units with a state, which blocks hand on to each other."""

from .dia_lstm import DIALSTMCell as DIALSTMCell
from .dia_lstm import stacked_dia_lstm as stacked_dia_lstm
from .dia_lstm_light import DIALSTMLightCell as DIALSTMLightCell
from .stacked import StackedCells as StackedCells
from .standard_lstm import StandardLSTMCell as StandardLSTMCell
