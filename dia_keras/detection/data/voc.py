"""Folders as Pascal VOC has them."""

import math
import pathlib
import xml.etree.ElementTree as ET
from xml.parsers import expat

from PIL import Image

from .checking import ListedBox, ListedImage, is_file
from .faults import Faults, refuse


def find_voc(folder: pathlib.Path, split: str) -> pathlib.Path | None:
    """Returns the file that lists the images of a split, or `None` where there is no such file."""
    path = folder / "ImageSets" / "Main" / f"{split}.txt"
    return path if path.is_file() else None


def read_voc(
    folder: pathlib.Path, listing: pathlib.Path, labels: tuple[str, ...] | None, faults: Faults
) -> tuple[tuple[str, ...], tuple[int, ...], list[ListedImage]]:
    """Returns the labels, their numbers and the images of a split.

    VOC counts pixels from 1 and its boxes hold their last pixel: a box of one pixel at the upper left corner has
    xmin = xmax = ymin = ymax = 1, and is `(x, y, width, height) = (0, 0, 1, 1)` here. Objects that are marked as
    difficult become crowds, which count neither as found nor as missed.

    Args:
        folder: Folder with `Annotations`, `JPEGImages` and `ImageSets`.
        listing: File with the names of the split's images.
        labels: Names of the classes; by default those of all files in `Annotations`, sorted.
        faults: Counts what is left out, or raises.

    Raises:
        ValueError: If there are no classes.
        FileNotFoundError: If a folder is missing.
    """
    for name in ("Annotations", "JPEGImages"):
        if not (folder / name).is_dir():
            raise FileNotFoundError(f"`source` must have the folder {name!r}. Received: source={str(folder)!r}")
    labels = labels if labels is not None else _all_labels(folder)
    if not labels:
        refuse(f"{folder / 'Annotations'} must have objects with names", "none")
    indices = {label: index for index, label in enumerate(labels)}
    files = sorted((folder / "JPEGImages").iterdir(), reverse=True)
    pictures = {path.stem: path for path in files if path.suffix.lower() in Image.registered_extensions()}
    images: dict[str, ListedImage] = {}
    for line in listing.read_text(encoding="utf-8", errors="backslashreplace").splitlines():
        if not line.strip():
            continue
        stem = _name_in(line, folder)
        path = folder / "Annotations" / f"{stem}.xml"
        if stem in images:
            faults.add("images that are listed twice", f"{listing}: image {stem!r} must be listed once", repr(stem))
        elif "/" in stem or "\\" in stem:
            faults.add("images outside their folder", f"{listing}: image {stem!r} must be a name", repr(stem))
        elif not is_file(path):
            problem = f"{listing}: image {stem!r} must have a file of annotations"
            faults.add("images without a file of annotations", problem, f"no {path}")
        else:
            try:
                root = parse_xml(path.read_bytes())
            except (expat.ExpatError, ValueError) as error:
                faults.add("unreadable files of annotations", f"{path} must be an XML file without a DTD", str(error))
                continue
            picture = pictures.get(stem, folder / "JPEGImages" / f"{stem}.jpg")
            images[stem] = ListedImage(
                name=picture.name,
                picture=picture,
                image_id=len(images) + 1,
                size=_size(root),
                boxes=_boxes(root, indices, path, faults),
                source=str(path),
            )
    return labels, tuple(range(1, len(labels) + 1)), list(images.values())


def _name_in(line: str, folder: pathlib.Path) -> str:
    """Returns the name of an image, without the 1, 0 or -1 after it that lists for one class have."""
    name, *rest = line.strip().rsplit(maxsplit=1)
    is_whole = not rest or rest[0] not in ("1", "0", "-1") or is_file(folder / "Annotations" / f"{line.strip()}.xml")
    return line.strip() if is_whole else name


def parse_xml(content: bytes) -> ET.Element:
    """Returns the root of an XML document.

    Raises:
        ExpatError: If it is no XML.
        ValueError: If its encoding is unknown, or it has a DTD, whose entities could fill the memory.
    """

    def refuse_dtd(*_) -> None:
        raise ValueError("a document with a DTD")

    tree, parser = ET.TreeBuilder(), expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse_dtd
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.data
    try:
        parser.Parse(content, True)
    except LookupError as error:  # an encoding that Python does not have, or that is none of text
        raise ValueError(str(error)) from error
    return tree.close()


def _all_labels(folder: pathlib.Path) -> tuple[str, ...]:
    """Returns the names of all objects, so that every split has the same classes. Bad files are reported elsewhere."""
    names = set()
    for path in sorted((folder / "Annotations").glob("*.xml")):
        try:
            root = parse_xml(path.read_bytes())
        except (expat.ExpatError, ValueError):
            continue
        names |= {_text(element, "name") for element in root.findall("object")}
    return tuple(sorted(names - {""}))


def _size(root: ET.Element) -> tuple[int, int] | None:
    """Returns the height and width that an image has by its annotations; `None` where they do not say."""
    sides = _text(root, "size/height"), _text(root, "size/width")
    if not all(side.isdecimal() and len(side) < 10 and int(side) > 0 for side in sides):
        return None
    return int(sides[0]), int(sides[1])


def _boxes(root: ET.Element, indices: dict[str, int], path: pathlib.Path, faults: Faults) -> list[ListedBox]:
    boxes = []
    for number, element in enumerate(root.findall("object"), 1):
        name = f"{path}: object {number}"
        label = _text(element, "name")
        if label not in indices:
            faults.add("boxes of an unknown class", f"{name} must be of a class in `labels`", f"name={label!r}")
            continue
        sides = [_number(_text(element, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
        left, top, right, bottom = (math.nan if side is None else side for side in sides)
        if None in sides:
            problem = "must have a 'bndbox' with the numbers xmin, ymin, xmax and ymax"
            bndbox = element.find("bndbox")
            received = "none" if bndbox is None else ET.tostring(bndbox, encoding="unicode")[:200]
            faults.add("malformed objects", f"{name} {problem}", received)
            continue
        box = left - 1, top - 1, right - left + 1, bottom - top + 1
        is_difficult = _text(element, "difficult") == "1"
        boxes.append(ListedBox(box, indices[label], is_difficult, None, f"object {number}"))
    return boxes


def _text(element: ET.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
