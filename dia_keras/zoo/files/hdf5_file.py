"""Weights files in Keras' own form, HDF5.

HDF5's library is in C and does not stand up to damaged files: with one bit flipped, listing the members of a group may
end in a segmentation fault. Here, members are looked up by the names that a network expects, and none are listed. Of a
tensor, the library gives type, shape and place; its numbers are taken from the file's bytes. This holds against damage,
as `tests/zoo/fuzz_weights.py` shows. Against files that are made to crash the library, `hdf5_process` looks files up.
"""

import collections
import io
import itertools
import math
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5s, h5t

from .errors import Unfit
from .record import LONGEST
from .tensors import BFLOAT16, RECORD, Contents, Layout, Tensor

SUFFIX = ".weights.h5"
#: What `Model.save_weights` adds for a compiled model; it is not a part of the network.
_OPTIMIZER = "optimizer"
#: Layers without weights, for which Keras writes empty groups: a network may have others than the one in the file.
_WEIGHTLESS = (
    "activation",
    "add",
    "average_pooling2d",
    "concatenate",
    "dropout",
    "flatten",
    "global_average_pooling2d",
    "global_max_pooling2d",
    "input_layer",
    "max_pooling2d",
    "multiply",
    "normalization",
    "re_lu",
    "rescaling",
    "softmax",
    "zero_padding2d",
)
_BFLOAT16 = "bfloat16"
_FLOATS = (
    (h5t.IEEE_F16LE, "<f2"),
    (h5t.IEEE_F32LE, "<f4"),
    (h5t.IEEE_F64LE, "<f8"),
    (h5t.IEEE_F16BE, ">f2"),
    (h5t.IEEE_F32BE, ">f4"),
    (h5t.IEEE_F64BE, ">f8"),
)
_OTHERS = {
    h5t.FLOAT: "other floats",
    h5t.INTEGER: "integers",
    h5t.STRING: "text",
    h5t.TIME: "dates",
    h5t.BITFIELD: "bits",
    h5t.OPAQUE: "bytes",
    h5t.COMPOUND: "complex numbers or records",
    h5t.REFERENCE: "references",
    h5t.ENUM: "booleans or an enumeration",
    h5t.VLEN: "text or lists",
    h5t.ARRAY: "arrays",
}


class Stored(NamedTuple):
    """A tensor as HDF5 describes it: where its numbers lie in the file, and of what form they are.

    Attributes:
        shape: Shape.
        dtype: Name of the dtype in NumPy, where it is one of floats.
        begin: Number of the first byte.
        size: Number of bytes.
        problem: What is wrong with the tensor, to go on after its name.
    """

    shape: tuple[int, ...]
    dtype: str | None = None
    begin: int = 0
    size: int = 0
    problem: str | None = None


class Listing(NamedTuple):
    """`Contents` without the numbers."""

    tensors: dict[str, Stored]
    surplus: list[str]
    record: str | None


def look_up(content: bytes, layout: Layout) -> Contents:
    """Returns a file's description of the tensors that a network expects, and of others as far as can be seen.

    Raises:
        Unfit: If the file is damaged or of another form.
    """
    return contents_of(list_tensors(content, layout), content)


def contents_of(listing: Listing, content: bytes) -> Contents:
    """Returns a file's description of its tensors, from its listing and its bytes."""
    tensors = {name: _tensor(stored, memoryview(content)) for name, stored in listing.tensors.items()}
    return Contents(tensors, listing.surplus, listing.record)


def _tensor(stored: Stored, content: memoryview) -> Tensor:
    if stored.dtype is None:
        return Tensor(stored.shape, problem=stored.problem)
    dtype = BFLOAT16 if stored.dtype == _BFLOAT16 else np.dtype(stored.dtype)
    return Tensor(stored.shape, dtype, content[stored.begin : stored.begin + stored.size])


def list_tensors(content: bytes, layout: Layout) -> Listing:
    """Lists the tensors that a network expects, and what else is there as far as can be seen.

    Members of groups are counted, not listed: a group that has more than are expected holds others. These are named if
    they have the names that Keras would give to more layers of the same classes.

    Raises:
        Unfit: If the file is damaged or of another form.
    """
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            return _LookUp(len(content)).listing(file, layout)
    except Exception as error:  # damage shows in errors of a dozen classes
        raise Unfit(f"must be a sound HDF5 file: {error}") from error


def write(path: pathlib.Path, tensors: Mapping[str, np.ndarray], layers: Mapping[str, str], record: str) -> None:
    """Writes tensors by name, the names of their layers, and the record."""
    # These versions of the layout need a fifth less room for a deep net's many small arrays, and have checksums.
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        for key, tensor in tensors.items():
            file.create_dataset(key, data=tensor).parent.attrs["name"] = layers[key]
        file.attrs[RECORD] = np.bytes_(record)


class _LookUp:
    """The state of one look-up."""

    def __init__(self, size: int):
        self.size = size  # of the file
        self.tensors: dict[str, Stored] = {}
        self.surplus: list[str] = []
        self.spans: list[tuple[int, int, str]] = []  # begin, end and name of the tensors found

    def listing(self, file: h5py.File, layout: Layout) -> Listing:
        if file.userblock_size:
            raise ValueError("it has a user block")
        root = h5g.open(file.id, b"/")
        self.group(root, "", _tree(layout))
        for (_, end, first), (begin, _, second) in itertools.pairwise(sorted(self.spans)):
            if begin < end:
                self.surplus.append(f"{first} and {second} lie in the same place")
        return Listing(self.tensors, self.surplus, _text(root, RECORD))

    def group(self, group: h5g.GroupID, path: str, expected: dict) -> None:
        """Looks up the expected members of a group, and counts the others."""
        others = group.get_num_objs()
        for name, members in expected.items():
            member, inner = _member(group, name), f"{path}/{name}".lstrip("/")
            if member is None:
                continue
            others -= 1
            if members is None:
                self.tensors[inner] = self.tensor(member, inner)
            elif isinstance(member, h5g.GroupID):
                self.group(member, inner, members)
            else:
                self.surplus.append(f"{inner} has no place in the network")
        if not path and _member(group, _OPTIMIZER):
            others -= 1
        empty = set(_weightless(group)) - expected.keys() if others and path else set()
        others -= len(empty)
        for name in _next_names(expected) if others else ():
            if name not in empty and (member := _member(group, name)):
                others -= 1
                self.surplus.append(f"{_first_tensor(member, f'{path}/{name}')} has no place in the network")
        if others > 0:
            members = "member" if others == 1 else "members"
            self.surplus.append(f"{path or 'the file'} has {others} more {members} than the network")

    def tensor(self, dataset: Any, name: str) -> Stored:
        if not isinstance(dataset, h5d.DatasetID):
            return Stored((), problem="is not a tensor")
        space = dataset.get_space()
        if space.get_simple_extent_type() == h5s.NULL:
            return Stored((), problem="is empty")
        shape, dtype = tuple(space.get_simple_extent_dims()), _dtype(dataset)
        if dtype is None:
            return Stored(shape, problem=f"holds {_other(dataset)} instead of floats of 16, 32 or 64 bits")
        plan = dataset.get_create_plist()
        if plan.get_layout() != h5d.CONTIGUOUS or plan.get_nfilters() or plan.get_external_count():
            return Stored(shape, problem="is not stored in one piece; files of `save_weights` are")
        begin, size = dataset.get_offset(), math.prod(shape) * dataset.get_type().get_size()
        if begin is None:
            return Stored(shape, problem="was never written")
        if dataset.get_storage_size() != size or begin + size > self.size:
            return Stored(shape, problem="is not whole")
        self.spans.append((begin, begin + size, name))
        return Stored(shape, dtype, begin, size)


def _tree(layout: Layout) -> dict:
    """Returns the expected members of every group as nested dictionaries; a tensor is `None`."""
    tree: dict = {}
    for path in (*layout.groups, *layout.places):
        *parents, name = path.split("/")
        group = tree
        for parent in parents:
            group = group.setdefault(parent, {})
        if path in layout.places:
            group[name] = None
        else:
            group.setdefault(name, {})
    return tree


def _member(group: h5g.GroupID, name: str) -> Any:
    """Returns a member of a group, or `None`. Links that lead out of the file, or elsewhere in it, are not followed."""
    link = name.encode()
    if not group.links.exists(link):
        return None
    if group.links.get_info(link).type != h5l.TYPE_HARD:
        raise ValueError(f"{name} is a link to another place")
    return h5o.open(group, link)


def _weightless(group: h5g.GroupID) -> Iterator[str]:
    """Yields the members of a group that stand for layers without weights."""
    for layer in _WEIGHTLESS:
        for name in _series(layer, 0):
            member = _member(group, name)
            if member is None:
                break
            if isinstance(member, h5g.GroupID) and _is_empty(member):
                yield name


def _is_empty(group: h5g.GroupID) -> bool:
    variables = _member(group, "vars")
    count = group.get_num_objs()
    return count == 0 or (count == 1 and isinstance(variables, h5g.GroupID) and variables.get_num_objs() == 0)


def _next_names(expected: dict) -> list[str]:
    """Returns the names that Keras would give to one more member of each expected kind, or to a classifier."""
    kinds = collections.Counter("" if name.isdecimal() else re.sub(r"_\d+$", "", name) for name in expected)
    kinds["dense"] += 0
    return [next(_series(kind, count)) for kind, count in kinds.items()]


def _series(kind: str, begin: int) -> Iterator[str]:
    """Yields the names of members of a kind: `dense`, `dense_1`, ... for layers, numbers for variables, of no kind."""
    for number in itertools.count(begin):
        yield f"{kind}_{number}".lstrip("_") if number or not kind else kind


def _first_tensor(member: Any, path: str) -> str:
    """Returns the name of the first tensor of a layer's group, or of the group where it is nested deeper."""
    path = path.lstrip("/")
    if isinstance(member, h5g.GroupID) and (variables := _member(member, "vars")) and _member(variables, "0"):
        return f"{path}/vars/0"
    return path


def _dtype(dataset: h5d.DatasetID) -> str | None:
    """Returns the name in NumPy of the type of a dataset, where it is one of floats."""
    stored = dataset.get_type()
    for known, dtype in _FLOATS:
        if stored.equal(known):
            return dtype
    is_pair = stored.get_class() == h5t.OPAQUE and stored.get_size() == 2
    return _BFLOAT16 if is_pair and _text(dataset, "dtype") == _BFLOAT16 else None  # as Keras writes it


def _other(dataset: h5d.DatasetID) -> str:
    """Returns in words what a dataset holds instead of floats."""
    return _OTHERS.get(dataset.get_type().get_class(), "something")


def _text(owner: Any, name: str) -> str | None:
    """Returns an attribute that is a text."""
    if not h5a.exists(owner, name.encode()):
        return None
    attribute = h5a.open(owner, name.encode())
    if (
        attribute.get_type().get_class() != h5t.STRING
        or attribute.shape != ()
        or attribute.get_storage_size() > LONGEST
    ):
        raise ValueError(f"the attribute {name} is not a short text")
    value = np.empty((), attribute.dtype)
    attribute.read(value)
    text = value[()]
    return text.decode() if isinstance(text, bytes) else str(text)
