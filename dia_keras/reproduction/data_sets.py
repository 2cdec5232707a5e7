"""The data sets of the tables: how the networks see them, and where they come from."""

import os
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import keras

from .. import data
from ..zoo.cards import Dataset, dataset
from ..zoo.loading import preprocessing

IMAGENET = dataset("imagenet")


class Known(NamedTuple):
    """A data set: its title, its look for the networks, the size of its images, its name in TFDS or `None`."""

    title: str
    look: Dataset
    image_size: int
    tfds: str | None
    folder: str = ""


#: The paper does not say how it normalizes images other than those of CIFAR: by ImageNet's mean and deviation.
DATA_SETS = {
    "cifar10": Known("CIFAR-10", dataset("cifar10"), 32, "cifar10"),
    "cifar100": Known("CIFAR-100", dataset("cifar100"), 32, "cifar100"),
    "stl10": Known("STL-10", IMAGENET, 96, "stl10"),
    "mini_imagenet": Known("mini-ImageNet", IMAGENET, 224, None, "a folder for each of the 100 classes"),
    "chest_xray": Known("chest X-rays", IMAGENET, 224, None, "the folders NORMAL and PNEUMONIA"),
}


class Sources(NamedTuple):
    """Where the data are: paths by name of the data set, one for all others under `""`, and TFDS' folder."""

    paths: Mapping[str, str] = {}
    data_dir: str | None = None

    def of(self, name: str) -> str | None:
        """Returns the path of a data set, `None` where it comes from TFDS or from nowhere."""
        return self.paths.get(name, self.paths.get(""))


def missing(name: str, sources: Sources) -> str | None:
    """Returns in a sentence what to do for data that are not there, `None` where they are."""
    known, path = DATA_SETS[name], sources.of(name)
    if path is not None:
        return None if pathlib.Path(path).exists() else f"The data set {name} is not at {path}."
    if known.tfds is None:
        return (
            f"The data set {name} comes from you: --data {name}=PATH names an .npz file, or a folder whose folders "
            f"train and test have {known.folder}."
        )
    default = pathlib.Path("~", "tensorflow_datasets").expanduser()
    folder = pathlib.Path(sources.data_dir or os.environ.get("DIA_KERAS_DATA") or default)
    if (folder / known.tfds).is_dir():
        return None
    return (
        f"The data set {name} is not in {folder}: `tfds build {known.tfds}` fetches it, --data-dir names another "
        f"folder, or --data {name}=PATH an .npz file or a folder of images."
    )


def load(name: str, sources: Sources, image_size: int | None = None, held_out: int = 0) -> data.DataSet:
    """Loads a data set, as RGB.

    Args:
        name: A name in `DATA_SETS`.
        sources: Where the data are.
        image_size: Height and width; by default the data set's own.
        held_out: Number of training images held out.

    Raises:
        FileNotFoundError: Where the data are missing; the message says how to get them.
        ValueError: Where they cannot be read.
    """
    if problem := missing(name, sources):
        raise FileNotFoundError(problem)
    known = DATA_SETS[name]
    return data.load(
        sources.of(name) or known.tfds or name,
        data_dir=sources.data_dir,
        image_size=(image_size or known.image_size,) * 2,
        held_out=held_out,
        channels=3,
    )


def normalization(name: str) -> keras.layers.Layer:
    """Returns the layer that normalizes raw RGB images of a data set."""
    return preprocessing(DATA_SETS[name].look)
