"""Conversion of PyTorch's weights to the same network in Keras."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from .. import zoo
from ..files import staged
from ..units.initializers import without_initial_values
from ..zoo.cards import check_name
from ..zoo.loading import load
from . import dianet, pytorchcv, timm, torchvision
from .catalog import source_of_entry, source_of_file
from .network import Published
from .rules import translated, weights_by_name
from .state import check_finite, read_state
from .structure import difference, structure_of

LIBRARIES = {module.__name__.rpartition(".")[2]: module for module in (pytorchcv, torchvision, timm, dianet)}


def convert_torch(
    weights: str | os.PathLike | Mapping[str, Any],
    target: str | keras.Model | None = None,
    source: str | None = None,
) -> keras.Model:
    """Loads weights of PyTorch into the same network of Keras, which answers as the original does.

    Every array is used exactly once and every weight is set, or nothing is. The network is told by `source`, never by
    shapes: there are networks that differ and have the same ones.

    Args:
        weights: Path of a file that `torch.save` wrote, or of a `.safetensors` file; or a state dict. Nothing in a file
            is run.
        target: Name of a zoo entry; or a network of `dia_keras.backbones`, with its classifier, whose images are
            normalized as the source's are; or `None` for the source's own network, from raw RGB images, of values 0 to
            255, to probabilities.
        source: Library and model, such as `"pytorchcv/diaresnet164bn_cifar100"`, `"torchvision/resnet50"`,
            `"timm/seresnet50.a1_in1k"` or `"dianet/dia_resnet164_cifar100"`. The library alone is enough for an entry
            of which it has one model; nothing, for a file with the name that it was published under.

    Returns:
        The network, with the weights: `target` itself, where it is a model.

    Raises:
        ValueError: Where a file is damaged or needs code to be read; a source is unknown or cannot be converted; the
            target is another network than the source's; or its weights are not exactly those of the file.
        ImportError: Where PyTorch is needed to read a file and is not installed.

    Example:

    >>> model = convert_torch("diaresnet164bn_cifar100-1953-b1c474d2.pth", "dia_resnet164_cifar100")
    """
    if not isinstance(target, str | keras.Model | None):
        raise ValueError(f"`target` must be the name of a zoo entry, a model or None. Received: target={target!r}")
    source = _full(source, weights, target)
    origin = published(source)
    if isinstance(target, str):
        check_name(target, "target")
        theirs, ours = origin.dataset, zoo.card(target).dataset
        if (theirs.mean, theirs.std) != (ours.mean, ours.std):
            raise ValueError(
                f"`target` must normalize images as {source} does, with mean {theirs.mean} and std {theirs.std}; with "
                f"`target=None` the source's own network is built. Received: target={target!r}, with mean {ours.mean} "
                f"and std {ours.std}"
            )
        if theirs.labels != ours.labels:
            raise ValueError(
                f"`target` must have the classes of {source}, {', '.join(theirs.labels[:3])}, ...; with `target=None` "
                f"the source's own network is built. Received: target={target!r}, with {', '.join(ours.labels[:3])}"
            )
    state = read_state(weights)
    with without_initial_values():
        model = _built(origin, source) if target is None else target
        if isinstance(model, str):
            model = load(model, weights=None)
        layers = structure_of(model)
        if target is not None:
            _check(model, layers, source, origin)
    values = translated(state, origin.rules, model, layers)
    places = weights_by_name(model)
    for name, weight in places.items():
        check_finite(name, values[name], weight.dtype)
    for name, weight in places.items():
        weight.assign(values[name])
    return model


def published(source: str) -> Published:
    """Returns the network of a source.

    Args:
        source: Library and model, e.g. `"pytorchcv/diaresnet164bn_cifar100"`.

    Raises:
        ValueError: Where it is unknown or cannot be converted; the message says why.
    """
    library, _, name = source.partition("/") if isinstance(source, str) else ("", "", "")
    if library not in LIBRARIES or not name:
        raise ValueError(
            f"`source` must be a library, {', '.join(LIBRARIES)}, and its model, such as "
            f"'pytorchcv/diaresnet164bn_cifar100'. Received: source={source!r}"
        )
    answer = LIBRARIES[library].published(name)
    if isinstance(answer, str):
        raise ValueError(f"`source` cannot be converted: {answer}. Received: source={source!r}")
    return answer


def _built(origin: Published, source: str, **options) -> keras.Model:
    """Returns a source's network with initial values, or raises a `ValueError` where no network has its numbers."""
    try:
        return origin.build(**options)
    except ValueError as error:
        raise ValueError(f"`source` cannot be converted: {error} Received: source={source!r}") from error


def save(model: keras.Model, path: str | os.PathLike) -> None:
    """Saves a converted network in float32: the weights of a zoo entry as `.weights.h5`, or any network as `.keras`.

    Args:
        model: The network, with the name of its entry, if it is one of the zoo's.
        path: Path of the file.

    Raises:
        ValueError: Where the name ends otherwise, or the folder does not exist; or where the weights are not those of a
            zoo entry: their file would not say which network they are of.
    """
    path = check_path(path)
    if path.suffix != ".keras" and not _is_entry(model):
        raise ValueError(
            "`path` must end in .keras, since the network is not a zoo entry, and weights do not say which network "
            f"they are of. Received: path={str(path)!r}"
        )
    with staged(path) as new:
        if path.suffix == ".keras":
            model.save(new)
        else:
            zoo.save_weights(model, new, "float32")


def _is_entry(model: keras.Model) -> bool:
    """Returns whether a network is the entry that it has the name of, but for its images and number of classes."""
    if model.name not in zoo.list_models():
        return False
    layers = structure_of(model)
    with without_initial_values():
        classes = layers["classifier"].settings["units"] if "classifier" in layers else None
        entry = load(model.name, None, classes, input_shape=model.input_shape[1:])
    return difference(structure_of(entry), layers) is None


def check_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns the path of a file that `save` can write, or raises a `ValueError`."""
    path = pathlib.Path(path)
    if not path.name.endswith((".weights.h5", ".keras")):
        raise ValueError(f"`path` must end in .weights.h5 or .keras. Received: path={str(path)!r}")
    return path


def _full(source: str | None, weights, target) -> str:
    """Returns library and model, found by the entry or the name of the file where they are not given."""
    if source is None and isinstance(weights, str | os.PathLike):
        known = source_of_file(pathlib.Path(weights).name)
        if known:
            return known
    if isinstance(source, str) and source in LIBRARIES and isinstance(target, str):
        # The authors' checkpoints have the names of entries.
        is_named = source == "dianet" and isinstance(dianet.published(target), Published)
        return f"{source}/{target}" if is_named else source_of_entry(source, target)
    if source is None:
        raise ValueError(
            "`source` must name a library and its model, such as 'pytorchcv/diaresnet164bn_cifar100', where the "
            "weights are in no file with the name that it was published under. Received: source=None"
        )
    return source


def _check(model: keras.Model, layers, source: str, origin: Published) -> None:
    """Raises a `ValueError` where a model is not the source's network, but for its images and number of classes."""
    head = layers.get("classifier")
    if head is None or head.kind != "Dense":
        raise ValueError(
            f"`target` must be a network of dia_keras.backbones with its classifier. Received: {model.name!r}"
        )
    expected = _built(
        origin, source, input_shape=model.input_shape[1:], num_classes=head.settings["units"], preprocessing=None
    )
    differs = difference(structure_of(expected), layers)
    if differs:
        raise ValueError(
            f"`target` must be the network of {source}, {origin.call}: {differs}. With `target=None` that network is "
            f"built. Received: target={model.name!r}"
        )
