"""Finding a network by name: an entry, a repository, the folder of a run, a `.keras` or a weights file."""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Callable
from typing import Any, Literal, get_args

import keras

from ..backbones.layers import channel_axis
from ..data.picture import Resize
from ..messages import first_sentence
from .cards import TFDS, Architecture, Card, Dataset, Metrics, card, describe, list_models
from .channels import statistics_for
from .files.reading import SUFFIXES, read_file, record_in
from .files.record import Record
from .hub.config import CONFIG
from .hub.repository import is_repository, open_repository
from .loading import image_shape, load, with_new_head

#: The files of a fine-tuned network: what it is, the network, and what was measured.
RUN_CARD, RUN_MODEL, RUN_REPORT = "card.json", "model.keras", "report.json"
#: The files of a training by a recipe that name its entry and hold its weights.
_RECIPE, _WEIGHTS = "recipe.json", "final.weights.h5"


@dataclasses.dataclass(frozen=True)
class Network:
    """A network with what it takes and what it answers. It takes pixel values, 0 to 255.

    Attributes:
        name: Name, for people.
        labels: Class names, in the order of the outputs; `None` where they are not known.
        image_size: Height and width of its images.
        channels: Number of channels of its images.
        resize: How images of other sizes become the network's: `resize` of `dia_keras.data.load`.
        data: Name of its data set in TFDS, `None` where it has none.
        load: Returns the network; with `num_classes`, `input_shape` or both, for other classes or images, as
            `dia_keras.zoo.load` does.
        card: Its architecture and what it reaches; `None` for a `.keras` file, which alone has neither.
        sha256: Returns the SHA-256 of the file that its weights are in; `None` without weights.
    """

    name: str
    labels: tuple[str, ...] | None
    image_size: tuple[int, int]
    channels: int
    resize: Resize
    data: str | None
    load: Callable[..., keras.Model]
    card: Card | None = None
    sha256: Callable[[], str | None] = lambda: None

    @property
    def picture_channels(self) -> Literal[1, 3]:
        """Number of channels of the pictures that it takes.

        Raises:
            ValueError: If it takes neither gray nor RGB pictures.
        """
        if self.channels == 1:
            return 1
        if self.channels == 3:
            return 3
        raise ValueError(
            f"The network must take gray or RGB images. Received: {self.name}, of {self.channels} channels"
        )


def find_network(name: str | os.PathLike, weights: str | os.PathLike = "pretrained") -> Network:
    """Returns the network that a user names.

    Args:
        name: Name of an entry of the zoo; or a repository, as `load` takes it, such as `"hf://user/repo"`; or path of a
            run's folder, fine-tuned or trained by a recipe; or path of a `.keras` file, whose classes are numbers
            unless it is that of a run; or path of a weights file of `save_weights`, which names its entry and
            may have labels.
        weights: For an entry: `"pretrained"`, or the path of a weights file.

    Raises:
        ValueError: If there is no such entry, repository, folder or file, or it is damaged; or if anything but an entry
            is given together with weights.
        FileNotFoundError: If there is no such repository on the web.
        ConnectionError: If it cannot be downloaded.
    """
    path = pathlib.Path(name).expanduser()
    if str(name) in list_models() and any((path / file).is_file() for file in (RUN_CARD, _RECIPE, CONFIG)):
        raise ValueError(
            "`name` must be one network: there is an entry of this name, and a folder with a network. Write ./ before "
            f"the name for the folder, or go elsewhere for the entry. Received: {str(name)!r}"
        )
    is_file = path.name.endswith((".keras", *SUFFIXES))
    if str(name) in list_models() or not (path.is_dir() or is_file or len(path.parts) > 1):
        return entry_network(card(str(name)), weights)
    if weights != "pretrained":
        raise ValueError(
            f"`weights` are for an entry of the zoo: {name} has its own. Received: weights={str(weights)!r}"
        )
    if is_repository(name):
        return _in_repository(name)
    if path.is_dir():
        return _in_folder(path)
    rule = "`name` must be an entry of the zoo, a run's folder or a .keras file."
    if not path.is_file():
        raise ValueError(f"{rule} Received: {path}, which {'is not a file' if path.exists() else 'does not exist'}")
    if path.name.endswith(SUFFIXES):
        return _of_weights(path)
    if path.suffix != ".keras":
        raise ValueError(f"{rule} Received: {path}")
    if path.name == RUN_MODEL and (path.parent / RUN_CARD).is_file():
        return _fine_tuned(path.parent)
    return _from_file(path)


def entry_network(entry: Card, weights: str | os.PathLike = "pretrained") -> Network:
    """Returns the network of an entry; see `find_network`."""
    # Figures are those of the entry's own weights.
    known = entry if weights == "pretrained" else dataclasses.replace(entry, weights=None, metrics=None)
    network = _by_card(known, _in_tfds(entry.dataset), functools.partial(load, entry.name, weights=weights))
    if weights == "pretrained":
        return network
    return dataclasses.replace(network, sha256=lambda: _sha256_of(weights))


def _in_tfds(dataset: Dataset) -> str | None:
    return dataset.name if dataset.name in TFDS else None


def _sha256_of(weights: str | os.PathLike) -> str:
    return hashlib.sha256(read_file(pathlib.Path(weights).expanduser()).content).hexdigest()


def _by_card(known: Card, data: str | None, load: Callable[..., keras.Model]) -> Network:
    return Network(
        name=known.name,
        labels=known.labels,
        image_size=known.dataset.image_size,
        channels=len(known.dataset.mean),
        resize=known.resize,
        data=data,
        load=load,
        card=known,
        sha256=lambda: known.weights.sha256 if known.weights else None,
    )


def _in_repository(name: str | os.PathLike) -> Network:
    known = open_repository(name).card
    is_ours = any(known.dataset == card(entry).dataset for entry in list_models(f"*_{known.dataset.name}")[:1])
    network = _by_card(known, _in_tfds(known.dataset) if is_ours else None, functools.partial(load, name))
    return dataclasses.replace(network, name=os.fspath(name))


def _of_weights(path: pathlib.Path) -> Network:
    record = record_in(read_file(path))
    if record is None or record.network not in list_models():
        raise ValueError(
            "`name` must be a weights file that names its entry, as those of `save_weights` do; else name the entry, "
            f"with the file as `weights`. Received: {path}, "
            f"{f'of {record.network!r}' if record else 'which names none'}"
        )
    entry = card(record.network)
    known = dataclasses.replace(entry, weights=None, metrics=None, dataset=_data_of(entry.dataset, record))
    network = _by_card(known, _in_tfds(known.dataset), functools.partial(_load_weights, entry.name, path, record))
    if record.labels is None and known.labels != entry.labels:
        network = dataclasses.replace(network, labels=None)
    return dataclasses.replace(network, name=str(path), sha256=lambda: _sha256_of(path))


def _data_of(dataset: Dataset, record: Record) -> Dataset:
    """Returns what a weights file says of the images and the labels of its network, else the entry's; or numbers."""
    classes = record.classes or len(dataset.labels)
    labels = dataset.labels if classes == len(dataset.labels) else tuple(map(str, range(classes)))
    labels = labels if record.labels is None else record.labels
    if labels != dataset.labels:
        name = "custom images"
        dataset = dataclasses.replace(dataset, name=name, title=name, labels=labels, source="", license="")
    dataset = dataclasses.replace(dataset, image_size=record.image_size or dataset.image_size)
    return statistics_for(dataset, record.channels or len(dataset.mean))


def _load_weights(
    entry: str,
    path: pathlib.Path,
    record: Record,
    num_classes: int | None = None,
    input_shape: tuple[int, ...] | None = None,
) -> keras.Model:
    """Returns the network in a weights file, with a new classifier for another number of classes."""
    dataset = _data_of(card(entry).dataset, record)
    model = load(entry, path, record.classes, input_shape=input_shape or image_shape(dataset))
    return model if num_classes in (None, model.output_shape[-1]) else with_new_head(model, num_classes)


def _in_folder(folder: pathlib.Path) -> Network:
    if (folder / RUN_CARD).is_file():
        return _fine_tuned(folder)
    if (folder / _RECIPE).is_file() and (folder / _WEIGHTS).is_file():
        entry = str(_read(folder / _RECIPE).get("entry"))
        return dataclasses.replace(entry_network(card(entry), folder / _WEIGHTS), name=str(folder))
    raise ValueError(
        f"`name` must be the folder of a complete run, with {RUN_CARD} and {RUN_MODEL}, or {_RECIPE} and {_WEIGHTS}. "
        f"Received: {folder}"
    )


def _fine_tuned(folder: pathlib.Path) -> Network:
    path, model = folder / RUN_CARD, folder / RUN_MODEL
    fields = _read(path)
    try:
        labels = tuple(map(str, fields["labels"]))
        height, width = map(int, fields["image_size"])
        channels, resize, sha256 = int(fields["channels"]), fields["resize"], str(fields["sha256"])
        if not labels or resize not in get_args(Resize) or min(height, width, channels) < 1:
            raise ValueError("a value is out of range")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"The card must have labels, image_size, channels, resize and sha256. Received: {path} "
            f"({type(error).__name__}: {error})"
        ) from error
    if not model.is_file():
        raise ValueError(f"A run's folder must hold its network, {RUN_MODEL}. Received: {folder}, without")
    _check_hash(describe(model).sha256, sha256, model)
    return Network(
        name=str(folder),
        labels=labels,
        image_size=(height, width),
        channels=channels,
        resize=resize,
        data=None,
        load=lambda **changes: adapted(_load_verified(model, sha256), **changes),
        card=_card_or_error(folder, fields),
        sha256=lambda: sha256,
    )


def _card_or_error(folder: pathlib.Path, fields: dict[str, Any]) -> Card | None:
    """Returns what `_run_card` does, with one error for whatever is missing or of a wrong type."""
    try:
        return _run_card(folder, fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{RUN_CARD} and {RUN_REPORT} of a run must be as the run wrote them. Received: {folder} "
            f"({type(error).__name__}: {error})"
        ) from error


def _run_card(folder: pathlib.Path, fields: dict[str, Any]) -> Card | None:
    """Returns the card of a fine-tuned network, `None` where its architecture is not known."""
    architecture = fields.get("architecture")
    if architecture is None and fields.get("entry") in list_models():  # of a run before cards had it
        architecture = dataclasses.asdict(card(fields["entry"]).architecture)
    if architecture is None:
        return None
    report = _read(folder / RUN_REPORT) if (folder / RUN_REPORT).is_file() else {}
    data, test = str(report.get("data", "custom images")), fields["test"]
    return Card(
        name=re.sub(r"[^\w.-]+", "_", folder.resolve().name, flags=re.ASCII).lstrip("._-") or "network",
        architecture=Architecture(**architecture),
        parameters=0,
        dataset=Dataset(
            name=data,
            title=data,
            labels=tuple(fields["labels"]),
            mean=tuple(fields["normalization"]["mean"]),
            std=tuple(fields["normalization"]["std"]),
            image_size=tuple(fields["image_size"]),
            source="",
            license="",
        ),
        recipe="fine_tune",
        license=fields.get("license", ""),
        paper=fields.get("paper", ""),
        metrics=Metrics(
            top1=round(100 * test["accuracy"], 2),
            top5=None,
            epochs=report.get("best_epoch", 0),
            seed=report.get("settings", {}).get("seed", 0),
            hardware=report.get("device", ""),
            command=report.get("command", ""),
            log="",
            details={
                "balanced_accuracy": round(100 * test["balanced_accuracy"], 2),
                "images": test["images"],
                "started_from": _portable(fields.get("from") or fields.get("entry") or ""),
            },
        ),
        resize=fields["resize"],
    )


def _portable(name: str) -> str:
    """Returns a name as it is, but of an absolute path the last part, since others have other folders."""
    return pathlib.PurePath(name).name if pathlib.PurePath(name).is_absolute() else name


def _from_file(path: pathlib.Path) -> Network:
    model = _load(path)
    images = [tuple(tensor.shape) for tensor in model.inputs or []]
    answers = [tuple(tensor.shape) for tensor in model.outputs or []]
    if (
        len(images) != 1
        or len(images[0]) != 4
        or None in images[0][1:]
        or len(answers) != 1
        or len(answers[0]) != 2
        or answers[0][1] == 1
    ):
        raise ValueError(
            "The network of a .keras file must take images of one size, (batch, height, width, channels), and answer "
            f"with two classes or more, (batch, classes). Received: {path}, from {images} to {answers}"
        )
    last = channel_axis() == -1
    height, width, channels = images[0][1:] if last else (*images[0][2:], images[0][1])
    return Network(
        name=str(path),
        labels=None,
        image_size=(height, width),
        channels=channels,
        resize="crop",
        data=None,
        load=lambda **changes: adapted(model, **changes),
        sha256=lambda: describe(path).sha256,
    )


def adapted(
    model: keras.Model, num_classes: int | None = None, input_shape: tuple[int, ...] | None = None
) -> keras.Model:
    """Returns a network of `dia_keras.backbones` for images of another size, with a new classifier for other classes.

    Raises:
        ValueError: Where it is another kind of network, or takes images of other channels.
    """
    if input_shape is not None and tuple(input_shape) != model.input_shape[1:]:
        axis = channel_axis()
        if input_shape[axis if axis == -1 else 0] != model.input_shape[axis]:
            raise ValueError(
                f"`channels` must be those of the images that {model.name!r} takes: {model.input_shape[axis]}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        config = model.get_config()
        config["layers"][0]["config"]["batch_shape"] = (None, *input_shape)
        same = type(model).from_config(config)
        same.set_weights(model.get_weights())
        model = same
    if num_classes is not None and num_classes != model.output_shape[-1]:
        model = with_new_head(model, num_classes)
    return model


def _check_hash(found: str, sha256: str, path: pathlib.Path) -> None:
    if found != sha256:
        raise ValueError(f"A network must have the SHA-256 of its card: it is damaged, or another. Received: {path}")


def _load_verified(path: pathlib.Path, sha256: str) -> keras.Model:
    """Returns the network in a file, of the very bytes whose hash is right: the file may be replaced meanwhile."""
    content = path.read_bytes()
    _check_hash(hashlib.sha256(content).hexdigest(), sha256, path)
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, path.name)
        copy.write_bytes(content)
        return _load(copy)


def _load(path: pathlib.Path) -> keras.Model:
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # damaged archives end in errors of many kinds
        raise ValueError(f"A .keras file must be sound. Received: {path} ({first_sentence(error)})") from error
    if not isinstance(model, keras.Model):
        raise ValueError(f"A .keras file must hold a model. Received: {path}, with a {type(model).__name__}")
    return model


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} must be JSON. Received: {path} ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{path.name} must be a JSON object. Received: {path}")
    return fields
