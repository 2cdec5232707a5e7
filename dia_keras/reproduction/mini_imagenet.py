"""mini-ImageNet as a folder of images: 100 classes of 600 images, of which 500 train and 100 test.

The data set was made for few-shot learning, so it is passed on without a split of this kind: as one folder of classes,
or as folders of 64, 16 and 20 classes to train, validate and test on. Table 5 of the paper has 50,000 training and
10,000 test images of all 100 classes.
"""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from ..data.data_set import DataSet
from ..data.folder import files_by_class, read_split, warn_of_skipped
from ..data.sources import with_held_out

CLASSES, TRAIN, TEST = 100, 500, 100
Files = dict[str, list[pathlib.Path]]


def load_mini_imagenet(path: pathlib.Path, image_size: int, held_out: int = 0, any_size: bool = False) -> DataSet:
    """Loads mini-ImageNet from a folder, as RGB.

    Args:
        path: A folder with a folder for each class; or with the folders `train` and `test`, both with all classes; or
            with `train`, `val` and `test`, each with classes of its own. Without a split of the images, the first five
            sixths of each class train, in the order of the files' names, and the rest is the test set.
        image_size: Height and width of the images.
        held_out: Number of training images to hold out.
        any_size: Whether other numbers of classes and images will do, as in a smoke run.

    Raises:
        ValueError: Where it is not 100 classes of 500 and 100 images, a class is in two folders, or a file is not an
            image.
    """
    train, test = _split(path)
    if not any_size:
        check_numbers(path, [(len(train[name]), len(test[name])) for name in train])
    size = (image_size, image_size)
    return with_held_out(read_split(train, size, "crop", 3), read_split(test, size, "crop", 3), tuple(train), held_out)


def check_numbers(path: str | os.PathLike, numbers: Sequence[tuple[int, int]]) -> None:
    """Checks how many images there are to train and to test on, class by class.

    Raises:
        ValueError: Where there are not 100 classes of 500 and 100 images.
    """
    if len(numbers) == CLASSES and set(numbers) == {(TRAIN, TEST)}:
        return
    sizes = " or ".join(f"{train} + {test}" for train, test in sorted(set(numbers))[:3])
    raise ValueError(
        f"`source` must hold mini-ImageNet: {CLASSES} classes, each of {TRAIN} training and {TEST} test images. "
        f"Received: {path}, with {len(numbers)} classes of {sizes} images"
    )


def numbers_of(data: DataSet) -> list[tuple[int, int]]:
    """Returns how many images a data set has to train and to test on, class by class; those held out train."""
    classes = len(data.class_names)
    train, held_out, test = (np.bincount(s.labels, minlength=classes) for s in (data.train, data.held_out, data.test))
    return list(zip((train + held_out).tolist(), test.tolist(), strict=True))


def _split(path: pathlib.Path) -> tuple[Files, Files]:
    """Returns the files to train and to test on, by class."""
    skipped: list[pathlib.Path] = []
    parts = [path / name for name in ("train", "val", "test") if (path / name).is_dir()] or [path]
    splits = {part.name: files_by_class(part, skipped) for part in parts}
    warn_of_skipped(path, skipped)
    if set(splits) == {"train", "test"} and list(splits["train"]) == list(splits["test"]):
        return splits["train"], splits["test"]
    classes: Files = {}
    for name, files in sorted(pair for part in splits.values() for pair in part.items()):
        if name in classes:
            raise ValueError(
                f"`source` must have every class in one of {', '.join(splits)}, or all classes in both train and test. "
                f"Received: {path}, with {name!r} in two"
            )
        classes[name] = files
    cut = {name: len(files) * TRAIN // (TRAIN + TEST) for name, files in classes.items()}
    return (
        {name: files[: cut[name]] for name, files in classes.items()},
        {name: files[cut[name] :] for name, files in classes.items()},
    )
