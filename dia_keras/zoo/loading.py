"""Loading the network of an entry or a repository."""

import functools
import logging
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
import numpy as np

from ..backbones.layers import channel_axis, to_image_shape
from ..backbones.network import check_classes
from ..backbones.pixel_rescaling import PixelRescaling
from ..units.initializers import without_initial_values
from .architectures import BACKBONES
from .cards import Card, Dataset, card, check_name, list_models
from .channels import RGB, carry_over, channels_of, statistics_for, with_channels
from .downloads import read_weights
from .files.head_and_stem import activation_in, classes_in, places_of_classifier, stem_channels_in
from .files.reading import SUFFIXES, WeightsFile, read_file
from .hub.repository import Repository, is_repository, open_repository
from .weights_file import load_weights

_logger = logging.getLogger("dia_keras")


def load(
    entry: str | os.PathLike | Repository,
    weights: Literal["pretrained"] | str | os.PathLike | None = "pretrained",
    num_classes: int | None = None,
    include_top: bool = True,
    input_shape: Sequence[int | None] | None = None,
    classifier_activation: str | None = "auto",
    name: str | None = None,
) -> keras.Model:
    """Builds a network of the zoo, or of a repository, and loads its weights.

    The network takes raw images, RGB by default, of values 0 to 255, uint8 or float; preprocessing is its first layer.
    Images that do not look like these give a `dia_keras.PixelRangeWarning`, once for a network;
    `dia_keras.backbones.pixel_rescaling` says which images are looked at.

    With another number of classes all weights but the classifier's are loaded, and a line in the log of
    `dia_keras` says so. Whatever else in a weights file does not fit the network is an error.

    With another number of channels than 3, weights for RGB images are carried over, as timm does, and a line in the log
    says so. One channel: the stem's kernel is summed over red, green and blue, and mean and standard deviation are the
    means of theirs; the stem's batch norm takes up what the three means differ by, and a gray image answers as the same
    image with three equal channels, but for the pixels at the border. (PreResNets and WRNs have no such norm, and their
    answers differ a little.) Two, four and more: the kernel, the means and the standard deviations of red, green and
    blue take turns, and the kernel is scaled by 3 / channels.

    A repository holds a card, `config.json`, and weights; `push` writes one. No code of it is run: its card is checked
    value by value, and no other files are looked at.

    Args:
        entry: Name of the entry, one of `list_models()`; or a repository: `"hf://user/repo"` on Hugging Face's hub,
            with `"@revision"` if need be; the address of a folder on the web; the path of a folder; or a repository
            that was opened before, so that its card is read once.
        weights: `"pretrained"`; `None` for initial values; or the path of a `.safetensors` or
            `.weights.h5` file that fits the entry, whose classifier has `num_classes` classes or the entry's own
            number. Weights are floats, finite, and all there; they are loaded exactly, or there is an error.
        num_classes: Number of classes; the entry's by default.
        include_top: Whether to end in pooling and the classifier, or in the features of the last stage.
        input_shape: Shape of an image, without the batch, with any number of channels; height and width may be `None`.
            The default is that of the entry's data set.
        classifier_activation: Activation of the classifier; `None` for logits. `"auto"` is that of the weights file, or
            a softmax where the file does not say or the classifier is new.
        name: Name of the model, by default the entry's. Two models in one must have different names.

    Returns:
        A functional `keras.Model` from images, `(batch, height, width, channels)`, to `(batch, num_classes)`.

    Raises:
        ValueError: On an argument out of range, an unknown name, pretrained weights that do not exist yet, or a
            weights file that does not match its card or the network.
        FileNotFoundError: If the weights file, or the repository, is nowhere to be found.
        ConnectionError: If it cannot be downloaded.
        ImportError: If a repository is on the hub and `huggingface_hub` is not installed.

    Example:

    >>> model = load("dia_resnet20_cifar100")
    >>> decode_predictions(model.predict(images), "dia_resnet20_cifar100")
    >>> model = load("dia_resnet20_cifar100", num_classes=2, input_shape=(64, 64, 3))
    >>> model = load("hf://user/repo@main")
    >>> images = keras.Input((32, 32, 3))
    >>> members = [load("dia_resnet20_cifar100", weights=path, name=f"member{i}") for i, path in enumerate(paths)]
    >>> ensemble = keras.Model(images, keras.layers.average([member(images) for member in members]))
    """
    entry_card, read = _found(entry)
    own_classes = len(entry_card.labels)
    name = entry_card.name if name is None else name
    if num_classes is None:
        num_classes = own_classes
    num_classes = check_classes(num_classes, None)
    input_shape = image_shape(entry_card.dataset) if input_shape is None else input_shape

    own_channels, channels = len(entry_card.dataset.mean), channels_of(input_shape)
    if own_channels not in (RGB, channels):
        raise ValueError(
            f"`input_shape` must have {own_channels} channels, those of the images of {entry_card.name!r}. "
            f"Received: input_shape={input_shape!r}"
        )
    file = _weights_file(read, weights)
    if classifier_activation == "auto":
        is_of_entry = weights == "pretrained" and entry in list_models()  # these are of a softmax
        classifier_activation = "softmax" if is_of_entry or not include_top else activation_in(file, num_classes)
    check_classes(num_classes, classifier_activation if include_top else None)
    options: dict[str, Any] = {"include_top": include_top, "classifier_activation": classifier_activation, "name": name}
    if file is None:
        return _build(entry_card, input_shape, num_classes, **options)
    if channels == own_channels or stem_channels_in(file) == channels:
        return _loaded(entry_card, file, input_shape, num_classes, **options)
    with without_initial_values():
        model = _build(entry_card, input_shape, num_classes, **options)
    rgb = _loaded(entry_card, file, with_channels(input_shape, RGB), num_classes, **options)
    carry_over(rgb, model, channels, entry_card.dataset)
    _logger.warning(
        "%s: takes images of %d channel%s instead of 3: the stem's kernel is %s; mean and standard deviation follow.",
        name,
        channels,
        "" if channels == 1 else "s",
        "summed over red, green and blue" if channels == 1 else f"repeated, and scaled by 3 / {channels}",
    )
    return model


def _loaded(entry: Card, file: WeightsFile, input_shape, num_classes: int, include_top: bool, **options) -> keras.Model:
    """Returns an entry's network with the weights of a file, with a new classifier for another number of classes."""
    own_classes = len(entry.labels)
    # A file without the entry's own classifier must fit the network that is asked for.
    has_own = include_top and classes_in(file) == own_classes
    with without_initial_values():
        model = _build(entry, input_shape, own_classes if has_own else num_classes, include_top, **options)
    if include_top:
        load_weights(model, file)
    else:
        load_features(model, file)
    return with_new_head(model, num_classes) if has_own and num_classes != own_classes else model


def load_features(model: keras.Model, file: WeightsFile) -> None:
    """Loads a weights file into a network without a classifier; one in the file is checked, and left aside.

    Raises:
        ValueError: As `load_weights`.
    """
    classes, features = classes_in(file), model.output.shape[channel_axis()]
    load_weights(model, file, {} if classes is None else places_of_classifier(features, classes))


def with_new_head(model: keras.Model, num_classes: int, **changes) -> keras.Model:
    """Returns a network with a new classifier, of initial values, on the features of another network.

    A line in the log of `dia_keras` says so.

    Args:
        model: The other network.
        num_classes: Number of classes.
        **changes: Other settings of the classifier, such as `activation="softmax"`.

    Raises:
        ValueError: If the network is not one of `dia_keras.backbones` with its classifier.
    """
    if not {"pool", "classifier"} <= {layer.name for layer in model.layers}:
        raise ValueError(
            "A network that gets new classes must be one of dia_keras.backbones, with its classifier. "
            f"Received: {model.name!r}"
        )
    old = model.get_layer("classifier")
    head = type(old).from_config({**old.get_config(), "units": num_classes, **changes})
    _logger.warning(
        "%s: loaded all weights but the classifier's, which is new and has %d classes%s.",
        model.name,
        num_classes,
        "" if num_classes == old.units else f" instead of {old.units}",
    )
    return keras.Model(model.input, head(model.get_layer("pool").output), name=model.name)


def preprocessing(dataset: Dataset, channels: int = RGB) -> keras.layers.Layer:
    """Returns the layer that normalizes raw images, of values 0 to 255, for the networks of a data set.

    It is a rescaling, since Keras' own exporters make inputs of the constants of a `Normalization`.

    Args:
        dataset: The data set.
        channels: Number of channels; for other than 3, `statistics_for` has the figures.
    """
    dataset = statistics_for(dataset, channels)
    scale = np.array([1 / (255 * std) for std in dataset.std])
    offset = np.array([-mean / std for mean, std in zip(dataset.mean, dataset.std, strict=True)])
    shape = (-1,) if channel_axis() == -1 else (-1, 1, 1)
    return PixelRescaling(
        scale.reshape(shape).tolist(), offset.reshape(shape).tolist(), dtype="float32", name="preprocessing"
    )


def build(name: str, input_shape: Sequence[int | None], **changes) -> keras.Model:
    """Builds an entry's network with initial values, from images to logits, some arguments of its backbone changed.

    Args:
        name: Name of the entry.
        input_shape: Shape of an image, without the batch.
        **changes: Arguments of the backbone, e.g. `depth=83`.
    """
    entry = card(name)
    return _build(entry, input_shape, len(entry.labels), True, None, name=name, **changes)


def _build(entry: Card, input_shape, num_classes, include_top, classifier_activation, name, **changes) -> keras.Model:
    return BACKBONES[entry.architecture.backbone](
        **{**entry.architecture.arguments, **changes},
        input_shape=input_shape,
        num_classes=num_classes,
        include_top=include_top,
        classifier_activation=classifier_activation,
        preprocessing=preprocessing(entry.dataset, channels_of(input_shape)),
        name=name,
    )


def image_shape(dataset: Dataset) -> tuple[int, int, int]:
    """Returns the shape of an image of a data set."""
    return to_image_shape(*dataset.image_size, len(dataset.mean))


def _found(name: str | os.PathLike | Repository) -> tuple[Card, Callable[[], WeightsFile]]:
    """Returns the card of an entry or of the network in a repository, and a function that returns its weights file."""
    if isinstance(name, Repository):
        return name
    if name not in list_models() and is_repository(name):
        return open_repository(name)
    if isinstance(name, os.PathLike) or "/" in str(name) or str(name).endswith(".keras"):
        raise ValueError(
            "`entry` must be hf://user/repo, the address or the path of a folder with config.json, or one of "
            "`dia_keras.zoo.list_models()`. A .keras file, such as that in a run's folder, is loaded with "
            f"`keras.saving.load_model`. Received: entry={os.fspath(name)!r}"
        )
    check_name(name, "entry")
    entry_card = card(name)
    return entry_card, functools.partial(_pretrained, entry_card)


def _weights_file(read: Callable[[], WeightsFile], weights: str | os.PathLike | None) -> WeightsFile | None:
    if weights is None:
        return None
    if weights != "pretrained":
        path = pathlib.Path(weights if isinstance(weights, (str, os.PathLike)) else "").expanduser()
        if not path.name.endswith(SUFFIXES) or not path.is_file():
            raise ValueError(
                "`weights` must be 'pretrained', None, or the path of "
                f"{' or '.join(f'an existing {suffix} file' for suffix in reversed(SUFFIXES))}. "
                f"Received: weights={weights!r}"
            )
        return read_file(path)
    return read()


def _pretrained(entry: Card) -> WeightsFile:
    if entry.weights is None:
        available = list_models(f"*_{entry.dataset.name}", pretrained=True)
        raise ValueError(
            f"{entry.name!r} has no pretrained weights yet. The recipe {entry.recipe!r} trains them: "
            f"`{entry.training_command}`; `dia-keras convert --fetch {entry.name}` gets those that others published, "
            "where there are some. In Python, `weights=None` builds the network without. "
            f"Trained for {entry.dataset.title}: {', '.join(available) or 'none yet'}. Received: weights='pretrained'"
        )
    return read_weights(entry, entry.weights)
