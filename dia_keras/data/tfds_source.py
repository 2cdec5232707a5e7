"""Data sets of TensorFlow Datasets."""

import os
from collections.abc import Collection
from typing import Any, Literal

import numpy as np

from .data_set import Split
from .picture import Resize, read_pictures


def load_tfds(
    name: str,
    data_dir: str | os.PathLike | None,
    download: bool,
    image_size: tuple[int, int] | None,
    resize: Resize,
    channels: Literal[1, 3] | None,
) -> tuple[Split, Split, tuple[str, ...]]:
    """Returns the training and the test split of a TFDS data set, and its class names.

    TFDS gives the encoded images, and Pillow decodes them: as those in folders, at `image_size`.

    Raises:
        ValueError: Where the data set has no images with classes, no such splits, or images that cannot be read.
        FileNotFoundError: Where it is not prepared.
    """
    tfds, builder = prepared_builder(
        name,
        data_dir,
        download,
        sources="a TFDS data set, an .npz file or a folder",
        instead="an .npz file or a folder of images",
    )
    image_key, label_key = _keys(builder.info, tfds)
    image = builder.info.features[image_key]
    depth: Any = channels or (1 if image.shape[-1] == 1 else 3)

    def read(split: str) -> Split | None:
        encoded, labels = tfds.as_numpy(
            builder.as_dataset(
                split,
                batch_size=-1,
                as_supervised=True,
                shuffle_files=False,
                decoders={image_key: tfds.decode.SkipDecoding()},
            )
        )
        if not len(labels):
            raise ValueError(f"`source` must have images in {split!r}. Received: source={name!r}")
        if labels.min() < 0:  # what TFDS has for images whose classes are secret
            return None
        names = [f"Image {number} of {split!r} of {name!r}" for number in range(len(encoded))]
        return Split(read_pictures(encoded, names, image_size, resize, depth), labels.astype(np.int64))

    training_name, test_names = _splits(name, builder.info.splits)
    training = read(training_name)
    test = next((candidate for split in test_names if (candidate := read(split)) is not None), None)
    if training is None or test is None:
        splits = training_name if training is None else " and ".join(test_names)
        raise ValueError(f"`source` must have images whose classes are known. Received: source={name!r}, {splits}")
    return training, test, tuple(builder.info.features[label_key].names)


def _keys(info, tfds) -> tuple[str, str]:
    """Returns the names of the features that are image and class."""
    keys: tuple = info.supervised_keys or ()
    is_pair = len(keys) == 2 and all(isinstance(key, str) for key in keys)
    image, label = (info.features[key] for key in keys) if is_pair else (None, None)
    is_image = isinstance(image, tfds.features.Image) and image.np_dtype in (np.uint8, np.uint16)
    if not is_image or not isinstance(label, tfds.features.ClassLabel):
        raise ValueError(
            "`source` must be a data set of images, of 8 or 16 bits, with one class each. "
            f"Received: source={info.name!r}, whose supervised_keys are {info.supervised_keys!r}"
        )
    return keys[0], keys[1]


def _splits(name: str, splits: Collection[str]) -> tuple[str, list[str]]:
    """Returns the name of the split to train on, and those to test on, the first one first."""
    tests = [split for split in ("test", "validation") if split in splits]
    if "train" not in splits or not tests:
        raise ValueError(
            f"`source` must have the split 'train', and 'test' or 'validation'. Received: source={name!r}, with "
            f"{', '.join(map(repr, splits)) or 'no splits'}"
        )
    return "train", tests


def prepared_builder(name: str, data_dir: str | os.PathLike | None, download: bool, *, sources: str, instead: str):
    """Returns TFDS, and its builder of a data set that is prepared.

    Args:
        name: Name of the data set.
        data_dir: Where TFDS keeps its data sets.
        download: Whether TFDS may download what is missing.
        sources: All that `source` may be, for errors.
        instead: What it may be but TFDS, for errors.

    Raises:
        ValueError: If there is no such data set.
        FileNotFoundError: If it is not prepared.
        ImportError: If TFDS is not installed.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f'Reading {name!r} from TFDS needs `pip install "dia_keras[data]"`; {instead} needs nothing.'
        ) from error
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.registered.DatasetNotFoundError, ValueError) as error:  # a name may have a form that is none
        raise ValueError(f"`source` must be {sources}. Received: source={name!r}") from error
    if download:
        builder.download_and_prepare()
    elif not builder.data_path.exists():
        flag = f" --data_dir={data_dir}" if data_dir else ""
        raise FileNotFoundError(
            f"The data set {name!r} is not in {builder.data_path.parent}. Prepare it with `tfds build {name}{flag}`, "
            f"or name its folder by `data_dir` or the environment variable DIA_KERAS_DATA; or give {instead} as "
            "`source`. In Python, `download=True` prepares it, too."
        )
    return tfds, builder
