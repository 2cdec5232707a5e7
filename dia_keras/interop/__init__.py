"""Weights of other frameworks: PyTorch's published networks, converted exactly."""

from .conversion import convert_torch as convert_torch
from .conversion import published as published
from .conversion import save as save
from .published import Published as Published
from .sources import Source as Source
from .sources import fetch as fetch
from .sources import find_source as find_source
from .sources import sources as sources
