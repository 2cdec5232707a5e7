"""Weights of PyTorch as arrays by their names, from a file that is read without running anything in it."""

import io
import os
import pathlib
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import safetensors

#: Keys that training scripts put the weights under, and what `DataParallel` adds to every name.
WRAPPERS = ("state_dict", "model")
PARALLEL = "module."
#: PyTorch counts the batches that a norm has seen, in an array of this name; Keras does not.
COUNTER = "num_batches_tracked"
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": ml_dtypes.bfloat16,
    "I64": "<i8",
    "I32": "<i4",
    "U8": "|u1",
    "BOOL": "|b1",
}
_MOST_UNPACKED = 1 << 31


def read_state(weights: str | os.PathLike | Mapping[str, Any], content: bytes | None = None) -> dict[str, np.ndarray]:
    """Returns the weights in a file, or of a state dict, as arrays by their names.

    Args:
        weights: Path of a file that `torch.save` wrote, also packed alone in a zip file as pytorchcv publishes them, or
            of a `.safetensors` file; or a state dict, of tensors or arrays. It may lie under `state_dict` or `model`,
            and all its names may begin with `module.`.
        content: What the file at the path holds, where it has been read; it is not opened again then.

    Raises:
        ValueError: Where the file is damaged, needs code of its own to be read, or holds something else.
        ImportError: Where it takes PyTorch to read it, which is not installed.
    """
    if isinstance(weights, str | os.PathLike):
        path = pathlib.Path(weights).expanduser()
        if not path.is_file():
            raise ValueError(f"`weights` must be an existing file. Received: weights={str(weights)!r}")
        state = (_read_safetensors if path.suffix == ".safetensors" else _read_torch)(path, content)
    else:
        state = weights
    for wrapper in WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not state or not all(isinstance(key, str) for key in state):
        raise ValueError(f"`weights` must hold tensors by their names. Received: weights={_shown(weights)}")
    if all(key.startswith(PARALLEL) for key in state):
        state = {key.removeprefix(PARALLEL): value for key, value in state.items()}
    return {key: _array(key, value) for key, value in state.items()}


def _array(key: str, value: Any) -> np.ndarray:
    """Returns a tensor as an array; numbers of 16 bits become float32."""
    if hasattr(value, "detach"):
        try:
            value = value.detach().cpu()
            value = (value.float() if value.is_floating_point() and value.itemsize == 2 else value).numpy()
        except (TypeError, RuntimeError) as error:  # sparse tensors, those of 8 bits, and those without data
            raise ValueError(
                f"`weights` must hold plain tensors. Received: {key}, a tensor of {value.dtype}"
            ) from error
    if isinstance(value, np.ndarray) and value.dtype == ml_dtypes.bfloat16:
        value = value.astype("float32")
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        raise ValueError(f"`weights` must hold tensors by their names. Received: {key} of type {type(value).__name__}")
    if value.dtype.kind != "f" and not key.endswith(COUNTER):
        raise ValueError(f"`weights` must be floats, not quantized. Received: {key} of {value.dtype}")
    check_finite(key, value, value.dtype)
    return value.astype("float32") if value.dtype == np.float16 else value


def check_finite(key: str, value: np.ndarray, dtype: Any) -> None:
    """Raises a `ValueError` where numbers are not finite, or are not in the dtype that they will have."""
    with np.errstate(over="ignore", invalid="ignore"):
        is_finite = np.isfinite(value.astype(dtype)).all()
    if not is_finite:
        raise ValueError(f"`weights` must be finite in {dtype}. Received: {key} with infinite values or NaN")


def _read_torch(path: pathlib.Path, content: bytes | None) -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(f'{path} is read by PyTorch: `pip install "dia_keras[torch]"`.') from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a pickle is made of; it is read or refused
            file = path if content is None else io.BytesIO(content)
            unpacked = _unpacked(file)
            if isinstance(unpacked, io.BytesIO):
                unpacked.seek(0)
            return torch.load(unpacked, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file ends in errors of many kinds
        text = str(error)
        if "eights only load failed" in text or "Unsupported operand" in text or "Unsupported global" in text:
            reason = (
                "needs code to be read, or is not a file of tensors: only tensors are read, and nothing in it is run"
            )
        else:
            reason = f"is damaged, or no file of PyTorch: {next(iter(text.splitlines()), type(error).__name__)}"
        raise ValueError(f"`weights` {reason}. Received: weights={str(path)!r}") from error


def _unpacked(file: pathlib.Path | io.BytesIO) -> pathlib.Path | io.BytesIO:
    """Returns the file, or what it holds where it is a zip file with a file of PyTorch in it."""
    if not zipfile.is_zipfile(file):
        return file
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) != 1 or not members[0].filename.endswith((".pth", ".pt", ".tar")):
            return file  # PyTorch's own files are zip files, too
        if members[0].file_size > _MOST_UNPACKED:
            raise ValueError(f"{members[0].filename} has {members[0].file_size} bytes, more than {_MOST_UNPACKED}")
        return io.BytesIO(archive.read(members[0]))


def _read_safetensors(path: pathlib.Path, content: bytes | None) -> dict[str, np.ndarray]:
    try:
        tensors = safetensors.deserialize(path.read_bytes() if content is None else content)
        return {
            key: np.frombuffer(tensor["data"], _DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
            for key, tensor in tensors
        }
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"`weights` must be a sound safetensors file. Received: {str(path)!r}, with {error}"
        ) from error
    except KeyError as error:
        raise ValueError(
            f"`weights` must have one of the types {', '.join(_DTYPES)}. Received: {str(path)!r}, with {error.args[0]}"
        ) from error


def _shown(weights: Any) -> str:
    return repr(str(weights)) if isinstance(weights, str | os.PathLike) else f"a {type(weights).__name__}"
