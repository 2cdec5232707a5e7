"""A data set of images with boxes that is loaded."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from ...data.picture import read_picture
from .boxes import corners


class Example(NamedTuple):
    """An image with its boxes.

    Attributes:
        image: uint8 `(height, width, 3)`.
        boxes: `(x1, y1, x2, y2)` in pixels of the image, float32 `(n, 4)`.
        classes: Indices into the labels, int32 `(n,)`.
        crowd: Whether a box is a group of objects, which counts neither as found nor as missed, bool `(n,)`.
        name: Name of the image's file.
    """

    image: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray
    name: str


class StoredPicture(Protocol):
    """A picture that lies in a file of many."""

    @property
    def length(self) -> int:
        """Bytes of its record."""
        ...

    def read(self) -> bytes:
        """Returns the picture's file."""
        ...


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known of an image without reading it.

    Attributes:
        name: Name of the image's file.
        picture: Where the picture is.
        image_id: Number of the image in COCO's files.
        height: Height in pixels.
        width: Width in pixels.
        coco_boxes: `(x, y, width, height)` in pixels, as the source has them, float64 `(n, 4)`.
        classes: Indices into the labels, int32 `(n,)`.
        crowd: Whether a box is a group of objects, bool `(n,)`.
        areas: Area of the objects in square pixels, float64 `(n,)`: that of the mask, where the source has it.
    """

    name: str
    picture: pathlib.Path | StoredPicture
    image_id: int
    height: int
    width: int
    coco_boxes: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray
    areas: np.ndarray

    @property
    def boxes(self) -> np.ndarray:
        """Boxes `(x1, y1, x2, y2)` in pixels, cut to the image, float32 `(n, 4)`."""
        return corners(self.coco_boxes, self.height, self.width)


@dataclasses.dataclass(frozen=True)
class DetectionSet:
    """Images with boxes. The images are read when they are asked for.

    `len(detection_set)` is the number of images, and `detection_set[i]` reads one, as an `Example`.

    Attributes:
        labels: Names of the classes, in the order of their indices.
        records: What is known of the images without reading them.
        category_ids: Numbers of the classes in COCO's files, in the order of `labels`.
        left_out: Number of faults that were left out, by kind; empty where there were none.
    """

    labels: tuple[str, ...]
    records: tuple[Record, ...]
    category_ids: tuple[int, ...]
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Example:
        """Reads an image.

        Raises:
            IndexError: If there is no such image.
            ValueError: If the picture cannot be read, or has another size than its boxes are for.
        """
        record = self.records[index]
        picture = record.picture
        image = read_picture(picture if isinstance(picture, pathlib.Path) else picture.read(), name=record.name)
        if image.shape[:2] != (record.height, record.width):
            raise ValueError(
                f"{record.name} must have the height and width that its boxes are for, "
                f"{(record.height, record.width)}. Received: a picture of {image.shape[:2]}"
            )
        return Example(image, record.boxes, record.classes, record.crowd, record.name)

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def with_boxes(self) -> "DetectionSet":
        """Returns the images that have a box that is not a crowd, to train on."""
        records = tuple(record for record in self.records if not record.crowd.all())
        return dataclasses.replace(self, records=records)

    def fingerprint(self) -> str:
        """Returns a SHA-256 of labels, names, sizes, boxes, areas and classes, for a run to know its data again.

        Of the pictures, it has the lengths of their files. They are not read for it.
        """
        digest = hashlib.sha256(json.dumps(self.labels).encode())
        for record in self.records:
            picture = record.picture
            length = picture.stat().st_size if isinstance(picture, pathlib.Path) else picture.length
            known = [record.name, length, record.height, record.width, len(record.classes)]
            digest.update(json.dumps(known).encode())
            for array in (record.coco_boxes, record.classes, record.crowd, record.areas):
                digest.update(array.tobytes())
        return digest.hexdigest()

    def to_coco(self) -> dict:
        """Returns images, boxes and categories as a COCO file has them, with the source's boxes and category ids."""
        images = [
            {"id": record.image_id, "file_name": record.name, "height": record.height, "width": record.width}
            for record in self.records
        ]
        annotations = [
            {
                "image_id": record.image_id,
                "category_id": self.category_ids[number],
                "bbox": box.tolist(),
                "area": float(area),
                "iscrowd": int(crowd),
            }
            for record in self.records
            for box, number, crowd, area in zip(
                record.coco_boxes, record.classes, record.crowd, record.areas, strict=True
            )
        ]
        # pycocotools takes an annotation of the number 0 for none.
        numbered = [{"id": number, **annotation} for number, annotation in enumerate(annotations, 1)]
        categories = [
            {"id": number, "name": label} for number, label in zip(self.category_ids, self.labels, strict=True)
        ]
        return {"images": images, "annotations": numbered, "categories": categories}
