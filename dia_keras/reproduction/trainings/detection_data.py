"""Images with boxes for the trainings of detectors."""

import dataclasses
import pathlib
from typing import NamedTuple

from ...data.sources import data_dir_of
from ...detection.data import DetectionSet, load
from ...detection.data.coco import coco_files
from ..data_sets import DATA_SETS, Sources, missing

#: Classes of COCO 2017, and images of its training and its validation split.
COCO_CLASSES, COCO_IMAGES = 80, (118_287, 5_000)


class DetectionData(NamedTuple):
    """Images with boxes.

    Attributes:
        train: Images to train on.
        test: Images for the test.
        is_coco: Whether they are from COCO 2017, of which none is missing.
    """

    train: DetectionSet
    test: DetectionSet
    is_coco: bool


def load_detection_data(name: str, sources: Sources) -> DetectionData:
    """Loads the training split, and the validation split for the test: the boxes of COCO's test split are not public.

    Bad boxes and images are left out, with a warning.

    Args:
        name: Name of the data set, one of `DATA_SETS`.
        sources: Where the data are.

    Raises:
        FileNotFoundError: If the data are missing; the message says how to get them.
        ValueError: If they cannot be read.
    """
    if problem := missing(name, sources):
        raise FileNotFoundError(problem)
    path = sources.of(name)
    if path is None:
        source = DATA_SETS[name].tfds or name
        # A folder that is named is meant, and one that happens to have a data set's name is not.
        splits, data_dir = ("train", "validation"), data_dir_of(source, sources.data_dir)
    else:
        source, data_dir = path, None
        year = "2017" if "train2017" in coco_files(pathlib.Path(path)) else ""  # COCO's folder may have two years
        splits = f"train{year}", f"val{year}"
    train = load(source, split=splits[0], on_bad="drop", data_dir=data_dir)
    test = load(source, split=splits[1], labels=train.labels, on_bad="drop", data_dir=data_dir)
    is_coco = (len(train.labels), len(train), len(test)) == (COCO_CLASSES, *COCO_IMAGES)
    return DetectionData(train, test, is_coco)


def some_images(images: DetectionSet, number: int) -> DetectionSet:
    """Returns a number of the images, evenly spaced.

    Raises:
        ValueError: If there are fewer.
    """
    if number > len(images):
        raise ValueError(f"`images` must be at most the {len(images)} that there are. Received: images={number}")
    chosen = tuple(images.records[index * len(images) // number] for index in range(number))
    return dataclasses.replace(images, records=chosen)
