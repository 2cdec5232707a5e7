"""Latency and throughput of networks as they are deployed, side by side in one process."""

from .turns import Measurement as Measurement
from .turns import measure as measure
