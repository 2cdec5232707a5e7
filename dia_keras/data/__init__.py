"""Data sets as arrays: TFDS, npz files and image folders; pictures as arrays."""

from .data_set import DataSet as DataSet
from .data_set import Split as Split
from .picture import read_picture as read_picture
from .sources import load as load
