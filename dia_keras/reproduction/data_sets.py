"""The data sets of the tables: how the networks see them, and where they come from."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras

from .. import data
from ..data.sources import data_dir_of, tfds_folder
from ..zoo.cards import Dataset, dataset
from ..zoo.loading import preprocessing
from .mini_imagenet import check_numbers, load_mini_imagenet, numbers_of

IMAGENET = dataset("imagenet")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperDataSet:
    """A data set of the paper.

    Attributes:
        title: Name for people.
        tfds: Name in TFDS, `None` where TFDS does not have it.
        form: What a path to it leads to, for people.
        origin: Where it comes from, for people.
    """

    title: str
    tfds: str | None = None
    form: str = "an .npz file, or a folder whose folders train and test have a folder for each class"
    origin: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageSet(PaperDataSet):
    """A data set of images with classes.

    Attributes:
        statistics: The zoo's data set whose mean and deviation normalize the images.
        image_size: Height and width of its images.
        classes: Number of its classes.
        labels: Names of its classes, in any order; empty where they are not known.
        may_stand_in: Whether other data of as many classes may take its place.
    """

    statistics: Dataset
    image_size: int
    classes: int
    labels: tuple[str, ...] = ()
    may_stand_in: bool = False


CIFAR10, CIFAR100 = dataset("cifar10"), dataset("cifar100")
STL10_LABELS = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
#: The paper does not say how it normalizes images other than those of CIFAR: by ImageNet's mean and deviation.
IMAGE_SETS = {
    "cifar10": ImageSet(
        title="CIFAR-10", statistics=CIFAR10, image_size=32, classes=10, tfds="cifar10", labels=CIFAR10.labels
    ),
    "cifar100": ImageSet(
        title="CIFAR-100", statistics=CIFAR100, image_size=32, classes=100, tfds="cifar100", labels=CIFAR100.labels
    ),
    "stl10": ImageSet(
        title="STL-10",
        statistics=IMAGENET,
        image_size=96,
        classes=10,
        tfds="stl10",
        labels=STL10_LABELS,
        may_stand_in=True,
    ),
    "mini_imagenet": ImageSet(
        title="mini-ImageNet",
        statistics=IMAGENET,
        image_size=224,
        classes=100,
        form="an .npz file, or a folder with a folder of 600 images for each of the 100 classes, which may lie in "
        "folders train, val and test. The first 500 images of a class train, the other 100 are the test set",
        origin="It is a part of ImageNet (Vinyals et al. 2016), which https://www.image-net.org gives on request.",
    ),
    "chest_xray": ImageSet(
        title="chest X-rays",
        statistics=IMAGENET,
        image_size=224,
        classes=2,
        labels=("NORMAL", "PNEUMONIA"),
        form="an .npz file, or a folder whose folders train and test have the folders NORMAL and PNEUMONIA",
        origin="Kermany et al. 2018, https://data.mendeley.com/datasets/rscbjbr9sj.",
    ),
}
DATA_SETS: dict[str, PaperDataSet] = {
    **IMAGE_SETS,
    "coco": PaperDataSet(
        title="MS COCO",
        tfds="coco/2017",
        form="a folder with COCO's files, annotations/instances_train2017.json and instances_val2017.json, and the "
        "folders of their images",
    ),
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
        own = f"--data {name}=PATH names {known.form}"
        return f"The data set {name} comes from you: {own}. {known.origin}"
    folder = pathlib.Path(tfds_folder(sources.data_dir)).expanduser()
    if (folder / known.tfds).is_dir():
        return None
    return (
        f"The data set {name} is not in {folder}: `tfds build {known.tfds}` fetches it, --data-dir names another "
        f"folder, or --data {name}=PATH {known.form}."
    )


def load(
    name: str, sources: Sources, image_size: int | None = None, held_out: int = 0, any_data: bool = False
) -> data.DataSet:
    """Loads a data set, as RGB.

    Args:
        name: A name in `IMAGE_SETS`.
        sources: Where the data are.
        image_size: Height and width; by default the data set's own.
        held_out: Number of training images held out.
        any_data: Whether data of any classes will do, as in a smoke run.

    Returns:
        The data set. Its classes are spelled as in `IMAGE_SETS`.

    Raises:
        FileNotFoundError: Where the data are missing; the message says how to get them.
        ValueError: Where they cannot be read, or are not those of the name.
    """
    if problem := missing(name, sources):
        raise FileNotFoundError(problem)
    known, path = IMAGE_SETS[name], sources.of(name)
    size = image_size or known.image_size
    if name == "mini_imagenet" and path is not None and pathlib.Path(path).is_dir():
        return load_mini_imagenet(pathlib.Path(path), size, held_out, any_data)
    own = known.tfds or name
    # A folder that is named is meant, and one that happens to have a data set's name is not.
    source, data_dir = (own, data_dir_of(own, sources.data_dir)) if path is None else (pathlib.Path(path), None)
    data_set = data.load(source, data_dir=data_dir, image_size=(size, size), held_out=held_out, channels=3)
    data_set = dataclasses.replace(data_set, class_names=_spelled(known, data_set.class_names))
    if any_data or is_itself(name, data_set.class_names):
        if name == "mini_imagenet" and not any_data:
            check_numbers(str(path), numbers_of(data_set))
        return data_set
    if known.may_stand_in and len(data_set.class_names) == known.classes:
        return data_set
    names = f", {', '.join(known.labels[:3])}{', ...' * (known.classes > 3)}" if known.labels else ""
    raise ValueError(
        f"`source` must hold {known.title}, with {known.classes} classes{names}. Received: {path or known.tfds}, with "
        f"{len(data_set.class_names)} classes, "
        f"{', '.join(data_set.class_names[:3])}{', ...' * (len(data_set.class_names) > 3)}"
    )


def is_itself(name: str, class_names: Sequence[str]) -> bool:
    """Returns whether classes are those of a data set, so far as they are known: else other data stand in for it."""
    known = IMAGE_SETS[name]
    if known.labels:
        return sorted(_spelled(known, class_names)) == sorted(known.labels)
    others = [sorted(other.labels) for other in IMAGE_SETS.values() if other.labels]
    return len(class_names) == known.classes and sorted(class_names) not in others


def _spelled(known: ImageSet, class_names: Sequence[str]) -> tuple[str, ...]:
    """Returns names of classes as the data set spells them: a folder `Normal` has the class `NORMAL`."""
    own = {_plain(label): label for label in known.labels}
    return tuple(own.get(_plain(name), name) for name in class_names)


def _plain(label: str) -> str:
    return label.casefold().replace(" ", "_").replace("-", "_")


def normalization(name: str) -> keras.layers.Layer:
    """Returns the layer that normalizes raw RGB images of a data set."""
    return preprocessing(IMAGE_SETS[name].statistics)
