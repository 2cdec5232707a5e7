"""Networks of runs: fine-tuned ones, and those that a recipe trained."""

import dataclasses
import hashlib
import json
import pathlib
import re
import tempfile
from typing import Any, get_args

import keras

from ...data.picture import Resize
from ..cards import Architecture, Card, Dataset, Metrics, card, describe, list_models
from .by_card import entry_network
from .keras_file import adapted, load_keras
from .network import Network

#: The files of a fine-tuned network: what it is, the network, and what was measured.
RUN_CARD, RUN_MODEL, RUN_REPORT = "card.json", "model.keras", "report.json"
#: The files of a training by a recipe that name its entry and hold its weights.
RECIPE, WEIGHTS = "recipe.json", "final.weights.h5"


def run_network(folder: pathlib.Path) -> Network:
    """Returns the network of a run's folder; see `find_network`."""
    if (folder / RUN_CARD).is_file():
        return fine_tuned_network(folder)
    if (folder / RECIPE).is_file() and (folder / WEIGHTS).is_file():
        entry = str(_read(folder / RECIPE).get("entry"))
        return dataclasses.replace(entry_network(card(entry), folder / WEIGHTS), name=str(folder))
    raise ValueError(
        f"`name` must be the folder of a complete run, with {RUN_CARD} and {RUN_MODEL}, or {RECIPE} and {WEIGHTS}. "
        f"Received: {folder}"
    )


def fine_tuned_network(folder: pathlib.Path) -> Network:
    """Returns the network of a fine-tuning, whose file must have the SHA-256 of its card."""
    path, model = folder / RUN_CARD, folder / RUN_MODEL
    fields = _read(path)
    if fields.get("kind") == "detector":
        raise ValueError(
            "`name` must be a network that classifies images. A detector is for `dia-keras detect`, `dia-keras export` "
            f"and `dia_keras.detection.find_detector`. Received: {folder}, the run of a detector"
        )
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


def _load_verified(path: pathlib.Path, sha256: str) -> keras.Model:
    """Returns the network in a file, of the very bytes whose hash is right: the file may be replaced meanwhile."""
    content = path.read_bytes()
    _check_hash(hashlib.sha256(content).hexdigest(), sha256, path)
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, path.name)
        copy.write_bytes(content)
        return load_keras(copy)


def _check_hash(found: str, sha256: str, path: pathlib.Path) -> None:
    if found != sha256:
        raise ValueError(f"A network must have the SHA-256 of its card: it is damaged, or another. Received: {path}")


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} must be JSON. Received: {path} ({error})") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{path.name} must be a JSON object. Received: {path}")
    return fields
