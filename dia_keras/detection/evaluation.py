"""Detections in images of any size, and COCO's metrics."""

import contextlib
import dataclasses
import importlib.util
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import keras
import numpy as np

from ..arguments import height_and_width, is_number, positive_integer
from .data.detection_set import DetectionSet
from .data.letterboxing import letterbox
from .models.detector import Detector

#: COCO's twelve metrics, in the order of pycocotools.
METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


class NotFiniteError(ValueError):
    """A detector answers with NaN or infinity."""


class Detections(NamedTuple):
    """What is found in an image, sorted by descending score.

    Attributes:
        boxes: `(x1, y1, x2, y2)` in pixels of the image, float32 `(n, 4)`.
        classes: Indices into the labels, int32 `(n,)`.
        scores: From 0 to 1, float32 `(n,)`.
    """

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


def detect(
    model: keras.Model,
    images: Iterable[np.ndarray],
    threshold: float = 0.05,
    *,
    image_size: tuple[int, int] | None = None,
    batch_size: int = 8,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> list[Detections]:
    """Returns what a detector finds in images of any sizes.

    Images are letterboxed into the network's input, and the boxes are given in their own pixels, cut to the image.

    Args:
        model: A detector, whose `predict` returns a dictionary: "boxes", `(x1, y1, x2, y2)` in pixels of its input,
            `(batch, n, 4)`; "classes" and "scores", `(batch, n)`; "num_detections", `(batch,)`.
        images: uint8 `(height, width, 3)`; an iterator is read batch by batch.
        threshold: Least score of what is returned, also where it is below the detector's own `score_threshold`.
            COCO's metrics want all, 0.05 or less; pictures about 0.3.
        image_size: Height and width of the network's input in pixels; by default the detector's own.
        batch_size: Number of images per batch.
        callbacks: Callbacks of `model.predict`.

    Returns:
        `Detections`, one for each image.

    Raises:
        ValueError: On an argument out of range.
        NotFiniteError: A `ValueError`, where answers are NaN or infinity.
    """
    if image_size is None:
        if not isinstance(model, Detector):
            raise ValueError("`image_size` must be given for a model that is no detector of dia_keras. Received: None")
        image_size = model.image_size
    size, batch_size = height_and_width("image_size", image_size), positive_integer("batch_size", batch_size)
    if isinstance(model, Detector) and size != model.image_size:
        raise ValueError(
            f"`image_size` must be that of the detector, {model.image_size}. Received: image_size={image_size!r}"
        )
    if not is_number(threshold) or not 0 <= threshold <= 1:
        raise ValueError(f"`threshold` must be from 0 to 1. Received: threshold={threshold!r}")
    finder = model
    if isinstance(model, Detector) and threshold < model.score_threshold:
        finder = model.predictor(threshold)
    detections: list[Detections] = []
    options = {"callbacks": list(callbacks)} if callbacks else {}  # an object with Keras' `predict` may take none
    for chunk in _chunks(images, batch_size):
        inputs, places = zip(*(letterbox(image, size) for image in chunk), strict=True)
        batch = np.stack(inputs)
        if detections and len(batch) < batch_size:
            # A batch of another size would compile the network again.
            batch = np.pad(batch, ((0, batch_size - len(batch)), (0, 0), (0, 0), (0, 0)))
        predicted = finder.predict(batch, verbose=0, **options)
        answers = {key: np.asarray(value) for key, value in predicted.items()}
        for row, place in enumerate(places):
            number = int(answers["num_detections"][row])
            boxes, classes, scores = (answers[key][row, :number] for key in ("boxes", "classes", "scores"))
            if not np.isfinite(boxes).all() or not np.isfinite(scores).all():
                raise NotFiniteError("`model` must give boxes and scores that are finite. Received: NaN or infinity")
            detections.append(_kept(place.undo(boxes), classes, scores, place.original, threshold))
    return detections


def _chunks(images: Iterable[np.ndarray], number: int) -> Iterator[list[np.ndarray]]:
    """Yields the images in lists of a number."""
    rest = iter(images)
    while chunk := list(islice(rest, number)):
        yield chunk


def _kept(
    boxes: np.ndarray, classes: np.ndarray, scores: np.ndarray, size: tuple[int, int], threshold: float
) -> Detections:
    """Returns what is sure enough, cut to the image of a height and width; boxes in the black border are left out."""
    height, width = size
    cut = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
    is_kept = (scores >= threshold) & (cut[:, 2] > cut[:, 0]) & (cut[:, 3] > cut[:, 1])
    order = np.argsort(-scores[is_kept], kind="stable")
    return Detections(
        cut[is_kept][order].astype(np.float32),
        classes[is_kept][order].astype(np.int32),
        scores[is_kept][order].astype(np.float32),
    )


@dataclasses.dataclass(frozen=True)
class CocoEvaluation:
    """How good detections are, by pycocotools.

    Attributes:
        metrics: COCO's twelve metrics by name, from 0 to 1; -1 where there is nothing to find, as pycocotools has it.
            "AP" is the mean over the IoU thresholds 0.5 to 0.95, "AP50" that at 0.5, "APs", "APm" and "APl" those of
            small, medium and large objects; "AR1", "AR10" and "AR100" are recalls by detections per image.
        per_class: AP of every class that has objects, by label.
        recalls: Recalls of the precisions, float64 `(101,)`.
        precisions: Precision at the recalls, mean over the classes, by IoU threshold: "0.50", "0.75" and "0.50:0.95".
    """

    metrics: dict[str, float]
    per_class: dict[str, float]
    recalls: np.ndarray
    precisions: dict[str, np.ndarray]


def coco_metrics(detection_set: DetectionSet, detections: Sequence[Detections]) -> dict[str, float]:
    """Returns COCO's twelve metrics of detections by name; see `evaluate_detections`."""
    return evaluate_detections(detection_set, detections).metrics


def evaluate_detections(detection_set: DetectionSet, detections: Sequence[Detections]) -> CocoEvaluation:
    """Returns how good detections are, by pycocotools.

    Args:
        detection_set: The images with their boxes.
        detections: What was found in each image, in the order of the set; boxes in pixels of the images.

    Returns:
        A `CocoEvaluation`.

    Raises:
        ValueError: If the detections do not belong to the set.
        ImportError: If pycocotools is not installed.
    """
    check_pycocotools()
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    _check(detection_set, detections)
    truth = detection_set.to_coco()
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_indexed(COCO, truth), _indexed(COCO, _results(detection_set, detections, truth)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    # By IoU threshold, recall and class; of objects of all sizes, with 100 detections per image.
    precision = evaluation.eval["precision"][..., 0, -1]
    order = np.argsort(detection_set.category_ids)
    has_objects = (precision > -1).all((0, 1))
    per_class = {
        detection_set.labels[number]: float(precision[..., column].mean())
        for column, number in enumerate(order)
        if has_objects[column]
    }
    seen = precision[..., has_objects]
    curves = {"0.50": seen[0], "0.75": seen[5], "0.50:0.95": seen.mean(0)} if has_objects.any() else {}
    return CocoEvaluation(
        metrics=dict(zip(METRICS, map(float, evaluation.stats), strict=True)),
        per_class={label: per_class[label] for label in detection_set.labels if label in per_class},
        recalls=np.array(evaluation.params.recThrs),
        precisions={name: curve.mean(-1) for name, curve in curves.items()},
    )


def check_pycocotools() -> None:
    """Raises an `ImportError` where pycocotools is not installed, before a training whose metrics need it."""
    if importlib.util.find_spec("pycocotools") is None:
        raise ImportError('COCO\'s metrics need pycocotools: `pip install "dia_keras[detection]"`.')


def _check(detection_set: DetectionSet, detections: Sequence[Detections]) -> None:
    """Raises a `ValueError` where detections do not belong to a data set."""
    if len(detections) != len(detection_set):
        raise ValueError(
            f"`detections` must be one for each of the {len(detection_set)} images. Received: {len(detections)}"
        )
    for record, answer in zip(detection_set.records, detections, strict=True):
        boxes, classes, scores = map(np.asarray, answer)
        shapes = boxes.shape, classes.shape, scores.shape
        number = len(boxes)
        if shapes != ((number, 4), (number,), (number,)):
            raise ValueError(
                "`detections` must have boxes (n, 4), classes (n,) and scores (n,). "
                f"Received: {shapes} for {record.name}"
            )
        if not np.isfinite(boxes).all() or not np.isfinite(scores).all():
            raise ValueError(f"`detections` must be finite. Received: NaN or infinity for {record.name}")
        if number and not np.issubdtype(classes.dtype, np.integer):
            raise ValueError(f"`detections` must have integer classes. Received: {classes.dtype} for {record.name}")
        if number and not (classes.min() >= 0 and classes.max() < len(detection_set.labels)):
            raise ValueError(
                f"`detections` must have classes from 0 to {len(detection_set.labels) - 1}. "
                f"Received: {classes.min()} to {classes.max()} for {record.name}"
            )


def _results(detection_set: DetectionSet, detections: Sequence[Detections], truth: dict) -> dict:
    """Returns detections as pycocotools has them; unlike its `loadRes`, also where nothing was found."""
    rows: list[dict] = []
    for record, answer in zip(detection_set.records, detections, strict=True):
        corners = np.asarray(answer.boxes, np.float64)
        sides = corners[:, 2:] - corners[:, :2]
        for start, side, number, score in zip(corners[:, :2], sides, answer.classes, answer.scores, strict=True):
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": record.image_id,
                    "category_id": detection_set.category_ids[number],
                    "bbox": [*start.tolist(), *side.tolist()],
                    "area": float(side.prod()),
                    "iscrowd": 0,
                    "score": float(score),
                }
            )
    return {**truth, "annotations": rows}


def _indexed(make: type, dataset: dict) -> Any:
    """Returns pycocotools' `COCO` of a dictionary."""
    coco = make()
    coco.dataset = dataset
    coco.createIndex()
    return coco
