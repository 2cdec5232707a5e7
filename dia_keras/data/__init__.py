"""Data sets as arrays: TFDS, npz files and image folders."""

from .load import DataSet as DataSet
from .load import Split as Split
from .load import load as load
