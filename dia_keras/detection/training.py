"""Training of a detector in a folder, which goes on where it was stopped."""

import functools
import os
import pathlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from ..files import staged, write_json
from ..training.fitting import is_xla_worth_it
from ..training.runs.budget import WallClockBudget
from ..training.runs.checkpoint import Stopped
from ..training.runs.checkpoint_files import epochs_done, keep_whole
from ..training.runs.curves import plot_losses
from ..training.runs.interruption import Interrupted, how_to_resume, stopped_by_signals
from ..training.runs.log import Clocks, RunRecord, keep_epochs
from ..training.runs.resuming import fit_resumed
from ..training.runs.run_folder import check_same_settings, locked_folder
from ..training.steps.memory import kept_memory
from .data import Batches, DetectionSet, batches, load
from .data.faults import OnBad
from .evaluation import check_pycocotools, detect, evaluate_detections
from .models.detector import Detector
from .pictures import plot_precision_recall
from .settings import DetectorSettings

#: Threads that prepare images, and batches that they may be ahead.
WORKERS, AHEAD = 4, 4


def train_detector(
    settings: DetectorSettings,
    source: str | os.PathLike | DetectionSet,
    directory: str | os.PathLike,
    *,
    split: str = "train",
    validation: DetectionSet | str | None = None,
    minutes: float | None = None,
    on_bad: OnBad = "drop",
) -> pathlib.Path | None:
    """Trains a detector, or goes on training it, in a folder of its own.

    The folder gets `recipe.json` (the settings), `card.json` (kind, labels and configuration of the detector),
    `log.csv` (the losses, a row an epoch), `run.json` (command, device, versions, minutes), `curves.png`, the two
    newest checkpoints, and, when the training is complete, `final.weights.h5`; with a validation `metrics.json`
    (COCO's twelve metrics) and `precision_recall.png`, too. Give the folder to `find_detector`, or to
    `dia-keras detect`. A run that was stopped anywhere goes on with the same images.

    Args:
        settings: The settings.
        source: A detection set, or where it is, see `dia_keras.detection.data.load`. Images without boxes are trained
            on, too.
        directory: The run's folder; made if missing. One that holds a run of other settings is an error.
        split: Name of the split to train on, where `source` is not a detection set.
        validation: A detection set to evaluate on at the end, or the name of a split of `source`.
        minutes: Wall-clock budget; the run checkpoints and stops before it is spent, also within an epoch. The
            evaluation at the end comes after it.
        on_bad: What is done about bad boxes and images, see `load`.

    Returns:
        The path of the final weights, or `None` where the budget ended the run before the last epoch.

    Raises:
        ValueError: On an argument out of range, bad data, other settings or data than the folder's.
        Diverged: Where the loss is not finite. The last good checkpoint stays.
        Interrupted: A `KeyboardInterrupt`, after Ctrl-C or SIGTERM stopped the run with a checkpoint.
    """
    started = Clocks.now()
    budget = WallClockBudget(minutes, started.wall)
    directory = pathlib.Path(directory)
    training = source if isinstance(source, DetectionSet) else load(source, split=split, on_bad=on_bad)
    if isinstance(validation, str):
        if isinstance(source, DetectionSet):
            raise ValueError("`validation` must be a detection set, where `source` is one. Received: a name")
        validation = load(source, split=validation, labels=training.labels, on_bad=on_bad)
    with stopped_by_signals(budget) as signals:
        weights = train_and_evaluate(settings, training, validation, directory, budget, started=started)
    if signals:
        raise Interrupted(f"Stopped. {how_to_resume(directory)}", signals[0])
    return weights


def train_and_evaluate(
    settings: DetectorSettings,
    training: DetectionSet,
    validation: DetectionSet | None,
    directory: pathlib.Path,
    budget: WallClockBudget,
    *,
    started: Clocks | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    run_eagerly: bool = False,
) -> pathlib.Path | None:
    """Does what `train_detector` does, of images that are loaded, and without a handler of signals.

    Args:
        settings: The settings.
        training: Images to train on.
        validation: Images to evaluate on at the end; `None` for no evaluation.
        directory: The run's folder; made if missing.
        budget: Ends the training, or the evaluation after it, early.
        started: The clocks at the start; now by default.
        callbacks: Further callbacks of `model.fit` and of `model.predict`.
        run_eagerly: Whether nothing is compiled: sooner for a few steps.

    Returns:
        The path of the final weights, or `None` where it was ended early.
    """
    started = started or Clocks.now()
    budget.epochs = settings.epochs
    if validation is not None:
        check_pycocotools()
        if list(validation.labels) != list(training.labels):
            raise ValueError(
                "`validation` must have the labels of the training set, in their order: load it with "
                f"`labels=training.labels`. Received: {_some(validation.labels)} instead of {_some(training.labels)}"
            )
    data = training_batches(settings, training)
    weights = directory / "final.weights.h5"
    with locked_folder(directory):
        check_same_settings({**settings.record(), "data": training.fingerprint()}, directory / "recipe.json")
        detector = settings.build(len(training.labels), training.labels)
        write_json(directory / "card.json", _card(settings, detector, training.labels))
        record = RunRecord(directory / "run.json", started)
        is_complete = _fit(detector, settings, data, directory, budget, [record, *callbacks], run_eagerly)
        record.write()
        plot_losses(directory / "log.csv", directory / "curves.png", f"{settings.model}, ResNet{settings.depth}")
        if not is_complete:
            return None
        with staged(weights) as new:
            detector.save_weights(new)
        if validation is not None and not _evaluate(detector, validation, directory, budget, callbacks):
            return None
        return weights


def training_batches(settings: DetectorSettings, images: DetectionSet) -> Batches:
    """Returns the batches that a training takes of its images."""
    return batches(
        images,
        batch_size=settings.batch_size,
        image_size=settings.image_size,
        augment=settings.augment,
        seed=settings.seed,
        max_boxes=settings.max_boxes,
        shuffle=True,
    )


def _evaluate(
    detector: Detector,
    validation: DetectionSet,
    directory: pathlib.Path,
    budget: WallClockBudget,
    callbacks: Sequence[keras.callbacks.Callback],
) -> bool:
    """Writes COCO's metrics to `metrics.json`; returns whether a signal let it come to its end."""

    def images() -> Iterator[np.ndarray]:
        for example in validation:
            if budget.stopped:
                raise Stopped
            yield example.image

    least, size = min(0.05, detector.score_threshold), detector.image_size
    try:
        detections = detect(detector, images(), least, image_size=size, callbacks=callbacks)
    except Stopped:
        return False
    found = evaluate_detections(validation, detections)
    with staged(directory / "precision_recall.png") as new:
        plot_precision_recall({detector.name: found}).savefig(new, dpi=120, format="png")
    write_json(directory / "metrics.json", found.metrics)
    return True


def _some(labels: Sequence[str]) -> str:
    """Returns a list's first names, as an error shows them."""
    return ", ".join(labels[:3]) + (", ..." if len(labels) > 3 else "")


def _card(settings: DetectorSettings, detector: Detector, labels: Sequence[str]) -> dict:
    """Returns what `find_detector` reads."""
    return {
        "kind": "detector",
        "model": settings.model,
        "depth": settings.depth,
        "attention": settings.attention,
        "image_size": list(settings.image_size),
        "labels": list(labels),
        "config": detector.get_config(),
    }


def _fit(
    detector: Detector,
    settings: DetectorSettings,
    data: Batches,
    directory: pathlib.Path,
    budget: WallClockBudget,
    callbacks: Sequence[keras.callbacks.Callback],
    run_eagerly: bool,
) -> bool:
    """Trains from the newest checkpoint on; returns whether the last epoch is done."""
    steps, log = len(data), directory / "log.csv"
    keep_whole(directory, steps)
    keep_epochs(log, epochs_done(directory))
    jit_compile = not run_eagerly and is_xla_worth_it()
    detector.compile(settings.optimizer(steps), run_eagerly=run_eagerly, jit_compile=jit_compile)
    with kept_memory():
        return fit_resumed(
            detector,
            functools.partial(batches_from, data),
            directory,
            steps=steps,
            end=settings.epochs,
            budget=budget,
            seed=settings.seed,
            callbacks=callbacks,
        )


def batches_from(data: Batches, epoch: int, step: int) -> Iterator:
    """Yields the batches from a step of an epoch on, without end; threads prepare the next ones."""
    with ThreadPoolExecutor(WORKERS) as pool:
        while True:
            data.epoch = epoch
            coming: deque = deque()
            for index in range(step, len(data)):
                coming.append(pool.submit(data.__getitem__, index))
                if len(coming) > AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
            epoch, step = epoch + 1, 0
