"""Images with boxes for the trainings of detectors."""

import dataclasses
from typing import NamedTuple

from ...detection.data import DetectionSet, load
from ..data_sets import DATA_SETS, Sources, missing

#: Classes of COCO, and images with a box in its split train2017, of 118,287. A few boxes are bad, and left out.
COCO_CLASSES, COCO_IMAGES = 80, 117_000


class DetectionData(NamedTuple):
    """Images with boxes, to train on and for the test."""

    train: DetectionSet
    test: DetectionSet


def load_detection_data(name: str, sources: Sources) -> DetectionData:
    """Loads the training split, and the validation split, which is the test set: COCO's has no public boxes.

    Bad boxes and images are left out, with a warning.

    Args:
        name: Name of the data set, one of `DATA_SETS`.
        sources: Where the data are.

    Raises:
        FileNotFoundError: Where the data are missing; the message says how to get them.
        ValueError: Where they cannot be read.
    """
    if problem := missing(name, sources):
        raise FileNotFoundError(problem)
    path, tfds = sources.of(name), DATA_SETS[name].tfds or name
    source, test_split = (tfds, "validation") if path is None else (path, "val")
    train = load(source, split="train", on_bad="drop", data_dir=sources.data_dir)
    test = load(source, split=test_split, labels=train.labels, on_bad="drop", data_dir=sources.data_dir)
    return DetectionData(train, test)


def is_coco(images: DetectionSet) -> bool:
    """Returns whether training images are COCO's, by their number and that of their classes."""
    return len(images.labels) == COCO_CLASSES and len(images) >= COCO_IMAGES


def some_images(images: DetectionSet, number: int | None) -> DetectionSet:
    """Returns a number of the images, evenly spaced; all for `None`.

    Raises:
        ValueError: Where there are fewer.
    """
    if number is None:
        return images
    if number > len(images):
        raise ValueError(f"`images` must be at most the {len(images)} that there are. Received: images={number}")
    chosen = tuple(images.records[index * len(images) // number] for index in range(number))
    return dataclasses.replace(images, records=chosen)
