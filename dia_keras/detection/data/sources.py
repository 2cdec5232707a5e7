"""One function for all sources of images with boxes."""

import os
import pathlib
from collections.abc import Sequence

from .checking import checked_records
from .coco import coco_files, find_coco, read_coco
from .detection_set import DetectionSet
from .faults import Faults, OnBad
from .voc import find_voc, read_voc


def load(
    source: str | os.PathLike,
    *,
    split: str,
    labels: Sequence[str] | None = None,
    on_bad: OnBad = "stop",
    check_images: bool = True,
    data_dir: str | os.PathLike | None = None,
    download: bool = False,
) -> DetectionSet:
    """Loads a data set of images with boxes.

    Every box and every image is checked. Boxes must be finite, have a right edge after the left one and a lower edge
    after the upper one, and lie in their image; what reaches out of it by at most a pixel, as rounding makes it, is
    cut off. Images without boxes are kept.

    Args:
        source: Path of a folder, or name of a TFDS data set, such as `"coco/2017"`. A folder is either one with COCO's
            files, `instances_{split}.json` or `annotations/instances_{split}.json` and the images in `{split}` or
            `images/{split}`, or `{split}/_annotations.coco.json` beside its images; or one as Pascal VOC has it, with
            `Annotations`, `JPEGImages` and `ImageSets/Main/{split}.txt`.
        split: Name of the split: `"train"`, `"train2017"`. For TFDS also a part of one, `"train[:10%]"`.
        labels: Names of the classes, in the order of their indices. Default: all that the source has, in the order of
            COCO's category ids, TFDS' labels, or the alphabet for VOC. Boxes of other classes are a fault.
        on_bad: What is done about faults: `"stop"` raises at the first one, `"drop"` leaves bad boxes and images out
            and warns of their number; `left_out` of the result has it, too. COCO's own training files have a few boxes
            of zero size.
        check_images: Whether every picture is read whole now. Else only its header is, which is faster for large data
            sets; one that turns out to be damaged raises when it is read.
        data_dir: Where TFDS keeps its data sets: then a name is that of a TFDS data set, even where there is a folder
            of this name. Default: the environment variable `DIA_KERAS_DATA`, else TFDS' own default.
        download: Whether TFDS may download what is missing.

    Returns:
        A `DetectionSet`.

    Raises:
        ValueError: On an argument out of range, a file that cannot be read, or a fault; the message names file and
            image.
        FileNotFoundError: If there is no such folder or split.

    Example:

    >>> train = dia_keras.detection.data.load("coco128", split="train")
    >>> train[0].boxes
    """
    names = _check_labels(labels)
    if not isinstance(split, str) or not split or "/" in split or "\\" in split:
        raise ValueError(f"`split` must be the name of a split. Received: split={split!r}")
    path = pathlib.Path(source).expanduser()
    faults = Faults(f"{split!r} of {source}", on_bad)
    if path.is_dir() and data_dir is None:
        coco, voc = find_coco(path, split), find_voc(path, split)
        if coco:
            class_names, category_ids, images = read_coco(*coco, names, faults)
        elif voc:
            class_names, category_ids, images = read_voc(path, voc, names, faults)
        else:
            raise FileNotFoundError(_no_split(path, split))
    elif data_dir is None and (path.exists() or path.is_absolute()):
        state = "which is not a folder" if path.exists() else "which does not exist"
        raise FileNotFoundError(
            f"`source` must be a folder or a TFDS data set. Received: source={str(path)!r}, {state}"
        )
    else:
        from .tfds_source import read_tfds

        directory = data_dir or os.environ.get("DIA_KERAS_DATA")
        class_names, category_ids, images = read_tfds(str(source), split, names, faults, directory, download)
    records = checked_records(images, faults, check_images)
    if not records:
        raise ValueError(f"`source` must have an image in {split!r}. Received: source={str(source)!r}, {faults.counts}")
    faults.warn()
    return DetectionSet(class_names, records, category_ids, dict(faults.counts))


def _check_labels(labels: Sequence[str] | None) -> tuple[str, ...] | None:
    """Returns labels as a tuple.

    Raises:
        ValueError: If they are not different names.
    """
    if labels is None:
        return None
    is_sequence = isinstance(labels, tuple | list) and len(labels) > 0
    if not is_sequence or not all(isinstance(label, str) and label for label in labels):
        raise ValueError(f"`labels` must be a sequence of names. Received: labels={labels!r}")
    if len(set(labels)) < len(labels):
        raise ValueError(f"`labels` must be different names. Received: labels={labels!r}")
    return tuple(labels)


def _no_split(path: pathlib.Path, split: str) -> str:
    """Returns the error of a folder without a split."""
    files = [file.stem for file in sorted((path / "ImageSets" / "Main").glob("*.txt"))]
    files += [*coco_files(path), *(file.parent.name for file in sorted(path.glob("*/_annotations.coco.json")))]
    has = f"with the splits {', '.join(map(repr, files))}" if files else "without any such file"
    return (
        f"`source` must have the file instances_{split}.json, annotations/instances_{split}.json, "
        f"{split}/_annotations.coco.json or ImageSets/Main/{split}.txt. Received: source={str(path)!r}, {has}"
    )
