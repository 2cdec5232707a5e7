"""Weights files: written in float16, and loaded exactly or not at all."""

import os
import pathlib
import tempfile
import warnings

import h5py
import keras
import numpy as np

from ..files import staged

SUFFIX = ".weights.h5"
# What `Model.save_weights` adds for a compiled model; it is no part of the network.
OPTIMIZER = "optimizer/"


def save_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Saves a network's weights in float16, half the size of `model.save_weights`, in the same layout.

    The file is complete when it appears under its name. It has no state of the optimizer.

    Args:
        model: The network.
        path: File to write, named `*.weights.h5`.

    Raises:
        ValueError: If the name ends otherwise, or a weight is beyond the range of float16 (65504), infinite or NaN.
    """
    path = pathlib.Path(path)
    if not path.name.endswith(SUFFIX):
        raise ValueError(f"`path` must end in {SUFFIX}. Received: path={str(path)!r}")
    with staged(path) as half:
        full = half.with_name("full" + SUFFIX)
        model.save_weights(full)
        # These versions of HDF5's layout need a fifth less room for a deep net's many small arrays.
        with h5py.File(full) as source, h5py.File(half, "w", libver=("v108", "v110")) as target:
            for key, dataset in datasets(source).items():
                target.create_dataset(key, data=_to_half(dataset, source)).attrs.update(dataset.attrs)
                target[key].parent.attrs.update(dataset.parent.attrs)


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Loads a weights file that holds every weight of a network, in its shape, and nothing else.

    Args:
        model: The network.
        path: File made by `save_weights` or `model.save_weights`; an optimizer's state in it is left aside.

    Raises:
        ValueError: If the file cannot be read, or does not fit; the message names what does not.
    """
    found = shapes(path)
    failure = None
    if len(found) == len(model.weights):
        try:
            with warnings.catch_warnings():
                # Keras warns of some misfits and raises for others; here all of them raise.
                warnings.simplefilter("ignore", UserWarning)
                model.load_weights(path)
            return
        except ValueError as error:
            failure = error
    differences = _differences(model, found)
    raise ValueError(
        f"`weights` must hold exactly the weights of {model.name!r}: "
        f"{'; '.join(differences[:3]) or failure}"
        f"{f'; and {len(differences) - 3} more' if len(differences) > 3 else ''}. Received: weights={str(path)!r}"
    ) from failure


def shapes(path: str | os.PathLike) -> dict[str, tuple[int, ...]]:
    """Returns the shape of every array in a weights file, but for the optimizer's, by its path in the file.

    Raises:
        ValueError: If the file is damaged or no HDF5 file.
    """
    try:
        with h5py.File(path) as file:
            return {key: dataset.shape for key, dataset in datasets(file).items()}
    except OSError as error:
        raise ValueError(f"`weights` must be a sound HDF5 file: {error}. Received: weights={str(path)!r}") from error


def datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Returns the network's arrays in an open weights file by their paths."""
    found = {}

    def visit(key, value):
        if isinstance(value, h5py.Dataset) and not key.startswith(OPTIMIZER):
            found[key] = value

    file.visititems(visit)
    return found


def _to_half(dataset: h5py.Dataset, file: h5py.File) -> np.ndarray:
    values = dataset[()]
    if values.dtype.kind != "f":
        return values
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        worst = values.flat[np.abs(values).argmax()]
        raise ValueError(
            f"`model` must have finite weights within the range of float16. Received: {worst} in {_name(dataset, file)}"
        )
    return half


def _name(dataset: h5py.Dataset, file: h5py.File) -> str:
    """Returns the path of an array together with the name of the layer that it is in."""
    key = dataset.name.removeprefix("/")
    layer = "/".join(key.split("/")[:2])
    return f"{key} ({file[f'{layer}/vars'].attrs['name']})"


def _differences(model: keras.Model, found: dict[str, tuple[int, ...]]) -> list[str]:
    """Returns what is missing, misshapen and extra in a file, against the one that the model itself writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, f"expected{SUFFIX}")
        model.save_weights(path)
        with h5py.File(path) as file:
            expected = {key: (dataset.shape, _name(dataset, file)) for key, dataset in datasets(file).items()}
    missing = [f"{name} is missing" for key, (_, name) in expected.items() if key not in found]
    misshapen = [
        f"{name} has shape {found[key]} instead of {shape}"
        for key, (shape, name) in expected.items()
        if key in found and found[key] != shape
    ]
    extra = [f"{key} has no place in the network" for key in found if key not in expected]
    return missing + misshapen + extra
