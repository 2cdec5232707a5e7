"""Data sets as arrays: TFDS, npz files and image folders."""

from .sources import DataSet as DataSet
from .sources import Split as Split
from .sources import load as load
