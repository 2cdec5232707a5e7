"""Data sets of TensorFlow Datasets, whose pictures are read one by one from the files that TFDS prepares."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...data.tfds_source import prepared_builder
from .checking import ListedBox, ListedImage, picture_size
from .faults import Faults, refuse


@dataclasses.dataclass(frozen=True)
class TFRecordPicture:
    """A picture in a file of TFRecords.

    Attributes:
        path: The file.
        offset: Position of its record in bytes.
        length: Length of its record in bytes.
    """

    path: str
    offset: int
    length: int

    def read(self) -> bytes:
        """Returns the picture's file."""
        with pathlib.Path(self.path).open("rb") as file:
            file.seek(self.offset)
            return _features(file.read(self.length))["image"].bytes_list.value[0]


def read_tfds(
    name: str,
    split: str,
    labels: tuple[str, ...] | None,
    faults: Faults,
    data_dir: str | os.PathLike | None,
    download: bool,
) -> tuple[tuple[str, ...], tuple[int, ...], list[ListedImage]]:
    """Returns the labels, their numbers and the images of a split.

    TFDS has boxes as fractions of the image in float32, so that they are those of the original files up to a
    thousandth of a pixel, and areas without their fractions. Where objects may be marked as difficult, as in Pascal
    VOC, such objects become crowds, and boxes are counted from 1, with the last pixel in them, as VOC's files do.

    Args:
        name: Name of the data set, such as "coco/2017".
        split: Name of the split, or of a part of one.
        labels: Names of the classes; by default those of TFDS.
        faults: Counts what is left out, or raises.
        data_dir: Where TFDS keeps its data sets.
        download: Whether TFDS may download what is missing.

    Raises:
        ValueError: If there is no such data set or split, or it has no images with boxes.
        FileNotFoundError: If it is not prepared.
        ImportError: If TFDS is not installed.
    """
    instead = "a folder with COCO's or Pascal VOC's files"
    tfds, builder = prepared_builder(name, data_dir, download, sources="a folder or a TFDS data set", instead=instead)
    names = _names(builder.info, tfds)
    labels = names if labels is None else labels
    unknown = [label for label in labels if label not in names]
    if unknown:
        refuse(f"`labels` must be names of classes of {name!r}", f"labels with {', '.join(map(repr, unknown))}")
    indices = {names.index(label): index for index, label in enumerate(labels)}
    try:
        instructions = builder.info.splits[split].file_instructions
    except (KeyError, ValueError) as error:
        splits = ", ".join(map(repr, builder.info.splits))
        message = f"`split` must be a split of {name!r}: {splits}. Received: split={split!r}"
        raise ValueError(message) from error
    images: list[ListedImage] = []
    for instruction in instructions:
        for picture, content in _records(instruction.filename, instruction.skip, instruction.take):
            image = _image(picture, _features(content), len(images) + 1, names, indices, name, faults)
            images += [] if image is None else [image]
    return labels, tuple(names.index(label) + 1 for label in labels), images


def _names(info, tfds) -> tuple[str, ...]:
    """Returns the names of the classes of a data set with boxes."""
    features: dict[str, Any] = dict(info.features.items())
    objects = getattr(features.get("objects"), "feature", None)
    boxes: dict[str, Any] = dict(objects.items()) if isinstance(objects, tfds.features.FeaturesDict) else {}
    is_right = (
        isinstance(features.get("image"), tfds.features.Image)
        and isinstance(boxes.get("bbox"), tfds.features.BBoxFeature)
        and isinstance(boxes.get("label"), tfds.features.ClassLabel)
    )
    if not is_right:
        refuse(
            "`source` must be a data set with 'image' and 'objects' with 'bbox' and 'label'",
            f"source={info.full_name!r}, with {', '.join(map(repr, features))}",
        )
    if info.file_format.value != "tfrecord":
        refuse("`source` must be prepared in TFDS' format 'tfrecord'", f"source={info.full_name!r}, {info.file_format}")
    return tuple(boxes["label"].names)


def _records(path: str, skip: int, take: int) -> Iterator[tuple[TFRecordPicture, bytes]]:
    """Yields the records of a file whose checksums are right.

    Each is a length of 8 bytes with its checksum of 4, and the data with theirs.

    Raises:
        ValueError: Where the file is damaged, or has too few records.
    """
    import tensorflow as tf

    offset, number = 0, 0
    try:
        for number, content in enumerate(tf.data.TFRecordDataset(path).take(skip + take).as_numpy_iterator(), 1):
            if number > skip:
                yield TFRecordPicture(path, offset + 12, len(content)), content
            offset += 12 + len(content) + 4
    except tf.errors.OpError as error:
        message = f"{path} must have whole records. Prepare the data set again. Received: {error.message}"
        raise ValueError(message) from error
    if number < skip + take:
        refuse(f"{path} must have {skip + take} records. Prepare the data set again", f"{number}")


def _features(content: bytes) -> Any:
    """Returns the features of a record by name."""
    import tensorflow as tf

    return tf.train.Example.FromString(content).features.feature


def _image(
    picture: TFRecordPicture,
    features: Any,
    number: int,
    names: tuple[str, ...],
    indices: dict[int, int],
    source: str,
    faults: Faults,
) -> ListedImage | None:
    """Returns an image with its boxes, or `None` where its picture cannot be read."""

    def integers(key: str) -> list[int]:
        return list(features[key].int64_list.value) if key in features else []

    has_name = "image/filename" in features
    name = features["image/filename"].bytes_list.value[0].decode() if has_name else f"{source}, image {number}"
    try:
        height, width = picture_size(picture, name, decode=False)
    except ValueError as error:
        faults.add("unreadable images", f"{source}: image {name!r} is unreadable", str(error))
        return None
    fractions = np.array(features["objects/bbox"].float_list.value, np.float64).reshape(-1, 4)
    classes = integers("objects/label")
    ignored = integers("objects/is_crowd") or integers("objects/is_difficult") or [0] * len(classes)
    start = 1 if integers("objects/is_difficult") else 0
    areas: list[Any] = integers("objects/area") or [None] * len(classes)
    boxes = []
    for row, (fraction, label, crowd, area) in enumerate(zip(fractions, classes, ignored, areas, strict=True), 1):
        top, left, bottom, right = (fraction * (height, width, height, width) - (start, start, 0, 0)).tolist()
        if label not in indices:
            problem = f"{source}: box {row} of image {name!r} must be of one of `labels`"
            faults.add("boxes of an unknown class", problem, names[label] if 0 <= label < len(names) else str(label))
            continue
        box = left, top, right - left, bottom - top
        boxes.append(ListedBox(box, indices[label], bool(crowd), area, f"box {row}"))
    (image_id,) = integers("image/id")[:1] or [number]
    return ListedImage(name, picture, image_id, (height, width), boxes, source)
