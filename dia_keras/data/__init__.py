"""Data sets as arrays: TFDS, npz files and image folders."""

from .data_set import DataSet as DataSet
from .data_set import Split as Split
from .sources import load as load
