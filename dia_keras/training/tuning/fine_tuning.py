"""Fine-tuning: a network learns other classes, first its new head, then its stages."""

import contextlib
import dataclasses
import os
import pathlib
import time
from typing import Any, NamedTuple

import keras
import numpy as np

from ...data.picture import Resize
from ...files import write_json
from ...host import describe_run
from ...inference.precision import in_float32
from ...zoo.cards import describe
from ...zoo.networks.run_folder import RUN_CARD, RUN_MODEL, RUN_REPORT
from ..runs.budget import WallClockBudget
from ..runs.checkpoint_files import RECORD, checkpoints
from ..runs.curves import plot_curves
from ..runs.final_weights import save_network
from ..runs.interruption import Interrupted, how_to_resume, stopped_by_signals
from ..runs.run_folder import check_same_data, check_same_settings, locked_folder
from ..steps.xla_cache import keep_compiled_programs
from .best_epoch import best_files
from .confusion import confusion_matrix, figures, plot_confusion
from .images import Images, prepare, starting_model
from .settings import FineTuning
from .two_phases import set_all_trainable, train_in_two_phases

#: The settings with which a run began, in its folder until it is complete.
SETTINGS = "fine_tuning.json"


class FineTuned(NamedTuple):
    """What a fine-tuning wrote and reached.

    Attributes:
        directory: The run's folder.
        held_out, test: The `confusion.figures` of the held-out and the test images.
    """

    directory: pathlib.Path
    held_out: dict[str, Any]
    test: dict[str, Any]


def fine_tune(
    settings: FineTuning,
    source: str | os.PathLike,
    directory: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    resize: Resize | None = None,
    weights: str | os.PathLike = "pretrained",
    minutes: float | None = None,
) -> FineTuned | None:
    """Fine-tunes a network on images of other classes, and writes a run's folder.

    The folder has `model.keras`, the whole network, which takes pixel values from 0 to 255; `card.json`, with labels,
    image size and preprocessing, which `dia-keras predict`, `evaluate`, `export` and `benchmark` go by; `report.json`,
    with accuracy, balanced accuracy and the accuracy of every class; `log.csv`, `curves.png` and `confusion.png`.

    A run that is cut anywhere leaves checkpoints in its folder, and goes on from the newest when it is called again
    with the same arguments. It ends in the same weights as one that was not cut.

    The test images are looked at once, at the end.

    Args:
        settings: How.
        source: The images: see `dia_keras.data.load`.
        directory: Folder to write: a new or an empty one, or that of a run to go on with.
        data_dir: TFDS' folder.
        image_size: Height and width of the images; by default those of the network that the run starts from.
        channels: By default those of that network. 1 for gray images: the weights of a zoo entry for RGB images are
            carried over. Other numbers than 3 and 1 must be those of the images.
        resize: How images of another size are resized. Default: what the card says.
        weights: `"pretrained"`, or the path of a weights file of the entry.
        minutes: Wall-clock budget; the run stops with a checkpoint before it is spent, also within an epoch.

    Returns:
        What was written and reached, or `None` where the budget ended the run before.

    Raises:
        ValueError: On an argument out of range, data that cannot be used, or a folder of another run.
        FileNotFoundError: Where data or weights are missing.
        Diverged: Where the loss is not finite. The last good checkpoint stays.
        Interrupted: A `KeyboardInterrupt`, after Ctrl-C or SIGTERM stopped the run with a checkpoint.
    """
    budget = WallClockBudget(minutes, time.monotonic())
    directory = pathlib.Path(directory)
    _check_folder(directory)
    keep_compiled_programs()
    images = prepare(settings, source, data_dir, image_size, channels, resize, weights)
    with locked_folder(directory):
        if (directory / RUN_CARD).exists():
            _check_folder(directory)  # another process has completed the run meanwhile
        with stopped_by_signals(budget) as signals:
            started_from = images.start.sha256()
            chosen = {**dataclasses.asdict(settings), **images.shape, "weights_of_entry": started_from}
            before = {field.name: field.default for field in dataclasses.fields(settings)}  # of an older record
            before["weights_of_entry"] = started_from
            check_same_settings(chosen, directory / SETTINGS, before)
            check_same_data(images.training, directory / "data.json")
            model = starting_model(settings, images)
            best = train_in_two_phases(model, settings, images.training, images.held_out, directory, budget)
        if signals:
            raise Interrupted(f"Stopped. {how_to_resume(directory)}", signals[0])
        if best is None:
            return None
        start = {"entry": settings.entry, "sha256": started_from}
        return _write_results(model, settings, images, directory, start, best, pathlib.Path(source).name)


def _check_folder(directory: pathlib.Path) -> None:
    """Raises a `ValueError` where a folder holds anything but a run that is not complete."""
    is_free = not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))
    if not is_free and (not (directory / SETTINGS).is_file() or (directory / RUN_CARD).exists()):
        raise ValueError(
            "`directory` must be a new or an empty folder, or that of a run which is not complete. "
            f"Received: directory={str(directory)!r}"
        )


def _write_results(
    model: keras.Model,
    settings: FineTuning,
    images: Images,
    directory: pathlib.Path,
    start: dict[str, str | None],
    best: int,
    data: str,
) -> FineTuned:
    """Measures a network, writes what a complete run has, and removes what a run goes on from."""
    names = images.class_names
    model = in_float32(model)
    set_all_trainable(model, True)  # for whoever trains on
    result = FineTuned(
        directory,
        *(figures(confusion_matrix(model, split, len(names)), names) for split in (images.held_out, images.test)),
    )
    save_network(model, directory / RUN_MODEL)
    plot_curves(directory / "log.csv", directory / "curves.png", title=f"{settings.entry}, fine-tuned")
    counts = np.array(result.test["confusion"])
    plot_confusion(counts, names, directory / "confusion.png", title=f"{counts.sum()} test images")
    record = {"settings": dataclasses.asdict(settings), "start": start, "data": data, "best_epoch": best}
    record |= describe_run()
    if images.groups:
        record = {"groups": images.groups, **record}
    write_json(directory / RUN_REPORT, {"held_out": result.held_out, "test": result.test, **record})
    write_json(directory / RUN_CARD, _card_of(model, directory, start, images, result.test))
    for path in [
        *(saved.path for saved in checkpoints(directory)),
        *best_files(directory),
        *(directory / name for name in (RECORD, SETTINGS, "data.json")),
    ]:
        path.unlink(missing_ok=True)
    return result


def _card_of(
    model: keras.Model, directory: pathlib.Path, start: dict[str, str | None], images: Images, test
) -> dict[str, Any]:
    known = images.start.card
    return {
        "from": start["entry"],
        "from_sha256": start["sha256"],
        "architecture": None if known is None else dataclasses.asdict(known.architecture),
        "labels": list(images.class_names),
        "image_size": list(images.size),
        "channels": images.channels,
        "resize": images.resize,
        "normalization": {"where": "in the network: it takes values from 0 to 255", **_normalization(model)},
        "test": {name: test[name] for name in ("images", "accuracy", "balanced_accuracy", "per_class")},
        "license": "" if known is None else known.license,
        "paper": "" if known is None else known.paper,
        "file": RUN_MODEL,
        "sha256": describe(directory / RUN_MODEL).sha256,
    }


def _normalization(model: keras.Model) -> dict[str, list[float]]:
    """Returns mean and standard deviation by which a network normalizes pixels, for values from 0 to 1."""
    with contextlib.suppress(ValueError, AttributeError):  # a custom network may do it otherwise, or not at all
        layer = model.get_layer("preprocessing")
        scale, offset = (np.ravel(value).astype(float) for value in (layer.scale, layer.offset))
        return {"mean": (-offset / scale / 255).tolist(), "std": (1 / scale / 255).tolist()}
    return {}
