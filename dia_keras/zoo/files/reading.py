"""Weights files as bytes that are read once: what was verified is what is parsed."""

import os
import pathlib
from typing import NamedTuple

import numpy as np

from . import hdf5_file, hdf5_process, safetensors_file
from .errors import Unfit
from .record import Record, record_of
from .tensors import Contents, Layout, Place, read

FORMS = (hdf5_file, safetensors_file)
SUFFIXES = tuple(form.SUFFIX for form in FORMS)
#: Bytes of a file that is read at all: a gibibyte. With Adam's state, the largest entry of the zoo has 0.6.
LARGEST = 1 << 30


class WeightsFile(NamedTuple):
    """A weights file that was read.

    Attributes:
        path: Its path, for messages.
        content: Its bytes.
        is_trusted: Whether they have the SHA-256 of a card of the zoo. Other HDF5 files are parsed in a process of
            their own, also those of repositories, whose cards anyone may write.
    """

    path: pathlib.Path
    content: bytes
    is_trusted: bool = False


def read_file(path: str | os.PathLike) -> WeightsFile:
    """Returns a weights file with its content.

    Raises:
        ValueError: If it cannot be read, or has more than a gibibyte.
    """
    path = pathlib.Path(path)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size) if size <= LARGEST else None
    except OSError as error:
        raise ValueError(
            f"`weights` must be a file that can be read ({error.strerror}). Received: weights={str(path)!r}"
        ) from error
    if content is None:
        raise ValueError(f"`weights` must have at most {LARGEST} bytes. Received: {size} bytes in {str(path)!r}")
    return WeightsFile(path, content)


def tensors_in(file: WeightsFile, layout: Layout) -> dict[str, np.ndarray]:
    """Returns the tensors of a network by name, in its dtypes, from a file that holds all of them and no others.

    Raises:
        ValueError: If the file is damaged or does not fit; the message names the file and what does not fit.
    """
    try:
        return read(_look_up(file, layout), layout)
    except Unfit as error:
        raise ValueError(f"`weights` {error}. Received: weights={str(file.path)!r}") from error


def shape_in(file: WeightsFile, name: str) -> tuple[int, ...] | None:
    """Returns the shape of a tensor in a weights file, `None` where it has none of this name that can be read.

    Raises:
        ValueError: If the file is damaged or of another form.
    """
    try:
        tensor = _look_up(file, Layout("", {name: Place((), "float32", "")}, ())).tensors.get(name)
    except Unfit as error:
        raise ValueError(f"`weights` {error}. Received: weights={str(file.path)!r}") from error
    return None if tensor is None or tensor.problem else tensor.shape


def record_in(file: WeightsFile) -> Record | None:
    """Returns what a weights file of `save_weights` says about its network, `None` where it says nothing.

    Raises:
        ValueError: If the file is damaged or of another form.
    """
    try:
        return record_of(_look_up(file, Layout("", {}, ())).record)
    except Unfit as error:
        raise ValueError(f"`weights` {error}. Received: weights={str(file.path)!r}") from error


def form_of(path: pathlib.Path):
    """Returns the module of a form by the suffix of a file, or `None`."""
    return next((form for form in FORMS if path.name.endswith(form.SUFFIX)), None)


def _look_up(file: WeightsFile, layout: Layout) -> Contents:
    form = form_of(file.path)
    if form is None:
        raise Unfit(f"must end in {' or '.join(SUFFIXES)}")
    if form is hdf5_file and not file.is_trusted:
        return hdf5_process.look_up(file.content, layout)
    return form.look_up(file.content, layout)
