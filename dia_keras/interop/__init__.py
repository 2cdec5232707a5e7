"""Weights of other frameworks: PyTorch's published networks, converted exactly."""

from .catalog import Source as Source
from .catalog import fetch as fetch
from .catalog import find_source as find_source
from .catalog import sources as sources
from .conversion import convert_torch as convert_torch
from .conversion import published as published
from .conversion import save as save
from .network import Published as Published
