"""Weights files in the form of safetensors: a header in JSON, then the numbers.

The form: https://huggingface.co/docs/safetensors. The library is in Rust; it holds every length and offset of a header
against the file's own length before it reads on.
"""

import json
import pathlib
from collections.abc import Mapping

import numpy as np

from .errors import Unfit
from .tensors import BFLOAT16, RECORD, Contents, Layout, Tensor

SUFFIX = ".safetensors"
_DTYPES = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "BF16": BFLOAT16}


def look_up(content: bytes, layout: Layout) -> Contents:
    """Returns the description, in a file's header, of the tensors that a network expects, and of others.

    Raises:
        Unfit: If the file is damaged or of another form.
    """
    import safetensors  # here, since files of the other form do without

    try:
        headers = dict(safetensors.deserialize(content))
    except safetensors.SafetensorError as error:
        raise Unfit(f"must be a sound safetensors file: {error}") from error
    return Contents(
        {key: _tensor(headers[key]) for key in layout.places if key in headers},
        [f"{key} has no place in the network" for key in sorted(headers.keys() - layout.places.keys())],
        _record(content),
    )


def write(path: pathlib.Path, tensors: Mapping[str, np.ndarray], layers: Mapping[str, str], record: str) -> None:
    """Writes tensors by name, in C order, and the record."""
    from safetensors.numpy import save

    # One entry alone: of several, the library does not keep the order.
    path.write_bytes(save(dict(tensors), {RECORD: record}))


def _tensor(header: Mapping) -> Tensor:
    shape, dtype = tuple(header["shape"]), _DTYPES.get(header["dtype"])
    problem = None if dtype else f"has the type {header['dtype']} instead of floats of 16, 32 or 64 bits"
    return Tensor(shape, dtype, header["data"], problem)


def _record(content: bytes) -> str | None:
    """Returns the record in the header of a file that the library has found to be sound."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return (header.get("__metadata__") or {}).get(RECORD)
