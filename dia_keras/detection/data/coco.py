"""Folders with COCO's JSON files."""

import json
import math
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from ...arguments import is_integer
from .checking import ListedBox, ListedImage
from .faults import Faults, refuse


def find_coco(folder: pathlib.Path, split: str) -> tuple[pathlib.Path, pathlib.Path] | None:
    """Returns the JSON file of a split and the folder of its images, or `None` where there is no such file.

    The file is `instances_{split}.json`, in the folder or in its `annotations`; the year may be left out of the split
    where there is only one. The images are in the folder named as the split, or in that of `images`. A file
    `{split}/_annotations.coco.json` lies beside its images.

    Raises:
        FileNotFoundError: If there is no folder of images.
        ValueError: If there are several years.
    """
    beside = folder / split / "_annotations.coco.json"
    if beside.is_file():
        return beside, beside.parent
    files = coco_files(folder)
    years = [name for name in files if re.fullmatch(rf"{re.escape(split)}\d{{4}}", name)]
    if split not in files and len(years) > 1:
        refuse(f"`split` must name the year: {' or '.join(map(repr, years))}", f"split={split!r}")
    name = split if split in files else years[0] if years else None
    if name is None:
        return None
    places = [folder / name, folder / "images" / name, folder / "images"]
    for place in places:
        if place.is_dir():
            return files[name], place
    raise FileNotFoundError(
        f"`source` must have a folder with the images of {files[name]}: {' or '.join(map(str, places))}. "
        f"Received: source={str(folder)!r}"
    )


def coco_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Returns the files `instances_{split}.json` of a folder and of its folder `annotations`, by split."""
    files = {}
    for place in (folder / "annotations", folder):
        for path in sorted(place.glob("instances_*.json")):
            files[path.stem.removeprefix("instances_")] = path
    return files


def read_coco(
    path: pathlib.Path, image_folder: pathlib.Path, labels: tuple[str, ...] | None, faults: Faults
) -> tuple[tuple[str, ...], tuple[int, ...], list[ListedImage]]:
    """Returns the labels, their category ids and the images of a COCO file.

    Args:
        path: The JSON file.
        image_folder: Folder of the images.
        labels: Names of the classes; by default all categories, in the order of their ids.
        faults: Counts what is left out, or raises.

    Raises:
        ValueError: If the file is no COCO file, or has no category that `labels` names.
    """
    document = _document(path)
    categories = _categories(document["categories"], path)
    ids = {name: number for number, name in sorted(categories.items())}
    if labels is None:
        labels = tuple(ids)
    unknown = [label for label in labels if label not in ids]
    if unknown:
        refuse(f"`labels` must be names of categories of {path}", f"labels with {', '.join(map(repr, unknown))}")
    category_ids = tuple(ids[label] for label in labels)
    images = _images(document["images"], path, image_folder, faults)
    _add_boxes(document["annotations"], images, categories, category_ids, path, faults)
    return labels, category_ids, list(images.values())


def _document(path: pathlib.Path) -> dict[str, list[dict[str, Any]]]:
    """Returns the lists of a COCO file."""
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be a JSON file. Received: {error}") from error
    for key in ("images", "annotations", "categories"):
        rows = document.get(key) if isinstance(document, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            refuse(f"{path} must be a COCO file, with a list {key!r} of objects", _short(rows))
    return document


def _categories(rows: list[dict[str, Any]], path: pathlib.Path) -> dict[int, str]:
    """Returns the names of categories by their ids."""
    names: dict[int, str] = {}
    for row in rows:
        number: Any = row.get("id")
        name = row.get("name")
        if not is_integer(number) or not isinstance(name, str) or not name:
            refuse(f"{path}: every category must have an integer 'id' and a 'name'", _short(row))
        if number in names or name in names.values():
            refuse(f"{path}: every category must have an id and a name of its own", _short(row))
        names[number] = name
    if not names:
        refuse(f"{path} must have categories", "none")
    return names


def _images(
    rows: list[dict[str, Any]], path: pathlib.Path, folder: pathlib.Path, faults: Faults
) -> dict[int, ListedImage]:
    """Returns the images that are listed, by their ids, without boxes."""
    images: dict[int, ListedImage] = {}
    for row in rows:
        number: Any = row.get("id")
        name = row.get("file_name")
        if not is_integer(number) or not isinstance(name, str) or not name:
            problem = "every image must have an integer 'id' and a 'file_name'"
            faults.add("malformed images", f"{path}: {problem}", _short(row))
            continue
        if number in images:
            faults.add(
                "images of a duplicated id", f"{path}: image {name!r} must have an id of its own", f"id={number}"
            )
            continue
        if pathlib.PurePath(name).is_absolute() or ".." in pathlib.PurePath(name).parts:
            problem = "must lie in the folder of the images"
            faults.add("images outside their folder", f"{path}: image {name!r} {problem}", f"file_name={name!r}")
            continue
        size = row.get("height"), row.get("width")
        if size != (None, None) and not all(is_integer(side, 1) for side in size):
            problem = f"image {name!r} must have a positive integer 'height' and 'width'"
            faults.add("malformed images", f"{path}: {problem}", f"height={size[0]!r}, width={size[1]!r}")
            continue
        known: Any = None if size == (None, None) else size
        images[number] = ListedImage(name, folder / name, number, known, [], str(path))
    return images


def _add_boxes(
    rows: list[dict[str, Any]],
    images: dict[int, ListedImage],
    categories: dict[int, str],
    category_ids: tuple[int, ...],
    path: pathlib.Path,
    faults: Faults,
) -> None:
    """Gives each image its boxes."""
    indices = {number: index for index, number in enumerate(category_ids)}
    seen = set()
    for row in rows:
        number = row.get("id")
        name = f"{path}: annotation {_short(number)}"
        if not is_integer(number) or not is_integer(row.get("image_id")) or not is_integer(row.get("category_id")):
            problem = "must have an integer 'id', 'image_id' and 'category_id'"
            faults.add("malformed annotations", f"{name} {problem}", _short(row))
            continue
        if number in seen:
            faults.add("annotations of a duplicated id", f"{name} must have an id of its own", f"id={number}")
            continue
        seen.add(number)
        image = images.get(row["image_id"])
        if image is None:
            problem = "must be for an image that is listed"
            faults.add("annotations without an image", f"{name} {problem}", f"image_id={row['image_id']}")
            continue
        name = f"{name} of image {image.name!r}"
        label = indices.get(row["category_id"])
        if label is None:
            known = categories.get(row["category_id"])
            problem = "must be of a category that is listed" if known is None else "must be of one of `labels`"
            received = f"category_id={row['category_id']}" + (f", {known!r}" if known else "")
            faults.add("boxes of an unknown class", f"{name} {problem}", received)
            continue
        box, area, crowd = row.get("bbox"), row.get("area"), row.get("iscrowd", 0)
        if not isinstance(box, Sequence) or len(box) != 4 or not all(map(_is_number, box)):
            problem = "must have a 'bbox' of four numbers, (x, y, width, height)"
            faults.add("malformed annotations", f"{name} {problem}", f"bbox={_short(box)}")
            continue
        if area is not None and not (_is_number(area) and math.isfinite(area) and area >= 0):
            faults.add("malformed annotations", f"{name} must have an 'area' of at least 0", f"area={_short(area)}")
            continue
        if crowd not in (0, 1):
            faults.add("malformed annotations", f"{name} must have an 'iscrowd' of 0 or 1", f"iscrowd={_short(crowd)}")
            continue
        box = [float(value) for value in box]
        image.boxes.append(ListedBox(box, label, bool(crowd), area, f"annotation {number}"))


def _is_number(value) -> bool:
    """Whether a value is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) < 2**53


def _short(value) -> str:
    """Returns a value for an error."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
