"""Latency and throughput of networks as they are deployed, side by side in one process."""

from .measure import Measurement as Measurement
from .measure import measure as measure
