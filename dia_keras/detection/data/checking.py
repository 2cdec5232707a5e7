"""Checks of every image and every box that a source lists."""

import dataclasses
import io
import os
import pathlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from ...data.picture import read_picture
from ...progress import track
from .boxes import box_fault
from .detection_set import Record, StoredPicture
from .faults import Faults


@dataclasses.dataclass(frozen=True)
class ListedBox:
    """A box as its source has it.

    Attributes:
        box: `(x, y, width, height)` in pixels.
        label: Index of its class.
        crowd: Whether it is a group of objects.
        area: Area of the object in square pixels; that of the box by default.
        name: What errors call it, such as "annotation 7".
    """

    box: Sequence[float]
    label: int
    crowd: bool
    area: float | None
    name: str


@dataclasses.dataclass(frozen=True)
class ListedImage:
    """An image as its source has it.

    Attributes:
        name: Name of its file.
        picture: Where the picture is.
        image_id: Its number.
        size: Height and width that its boxes are for; those of the picture by default.
        boxes: Its boxes.
        source: The file that lists it, for errors.
    """

    name: str
    picture: pathlib.Path | StoredPicture
    image_id: int
    size: tuple[int, int] | None
    boxes: list[ListedBox]
    source: str


def checked_records(images: Sequence[ListedImage], faults: Faults, check_images: bool) -> tuple[Record, ...]:
    """Returns the images and boxes that are good.

    Args:
        images: What the source lists.
        faults: Counts the others, or raises.
        check_images: Whether pictures are read whole; else only their headers are.
    """

    def size_of(image: ListedImage) -> tuple[int, int] | ValueError | None:
        try:
            if isinstance(image.picture, pathlib.Path) and not is_file(image.picture):
                return None
            return picture_size(image.picture, image.name, check_images)
        except ValueError as error:
            return error

    records = []
    with ThreadPoolExecutor() as pool:
        for image, size in zip(track(images, "Checking images"), pool.map(size_of, images), strict=True):
            where = f"{image.source}: image {image.name!r}"
            if size is None:
                faults.add("missing images", f"{where} is missing", str(image.picture))
            elif isinstance(size, ValueError):
                faults.add("unreadable images", f"{where} is unreadable", str(size))
            elif image.size and image.size != size:
                faults.add(
                    "images of another size than their boxes",
                    f"{where} must have the height and width of its annotations, {image.size}",
                    f"a picture of {size}, upright by its EXIF orientation",
                )
            else:
                records.append(_record(image, size, faults))
    return tuple(records)


def is_file(path: pathlib.Path) -> bool:
    """Whether there is a file of a name that may be anything."""
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def picture_size(picture: pathlib.Path | StoredPicture, name: str, decode: bool) -> tuple[int, int]:
    """Returns height and width of a picture, upright by its EXIF orientation.

    Args:
        picture: Where the picture is.
        name: What errors call it.
        decode: Whether the picture is read whole, which finds all damage; else its header is.

    Raises:
        ValueError: If it cannot be read.
    """
    source = picture if isinstance(picture, pathlib.Path) else picture.read()
    if decode:
        height, width = read_picture(source, name=name).shape[:2]
        return height, width
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else os.fspath(source)) as image:
            # Of a PNG, this reads all: the orientation may come last.
            is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
            return (image.width, image.height) if is_turned else (image.height, image.width)
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is not an image that Pillow can read.") from error
    except Exception as error:  # damaged files end in errors of many kinds, in Pillow's readers
        raise ValueError(f"{name} cannot be read: {error}") from error


def _record(image: ListedImage, size: tuple[int, int], faults: Faults) -> Record:
    good = []
    for box in image.boxes:
        fault = box_fault(box.box, *size)
        if fault:
            kind, problem = fault
            faults.add(
                kind,
                f"{image.source}: {box.name} of image {image.name!r} {problem}",
                f"(x, y, width, height) = ({', '.join(f'{value:.10g}' for value in box.box)}) "
                f"in an image of (height, width) = {size}",
            )
        else:
            good.append(box)
    areas = [box.box[2] * box.box[3] if box.area is None else box.area for box in good]
    return Record(
        name=image.name,
        picture=image.picture,
        image_id=image.image_id,
        height=size[0],
        width=size[1],
        coco_boxes=np.array([box.box for box in good], np.float64).reshape(-1, 4),
        classes=np.array([box.label for box in good], np.int32),
        crowd=np.array([box.crowd for box in good], bool),
        areas=np.array(areas, np.float64),
    )
