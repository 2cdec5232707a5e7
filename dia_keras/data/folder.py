"""Folders of images, one folder a class."""

import pathlib

import keras
import numpy as np

from .sources import Split


def load_folder(path: pathlib.Path, image_size: tuple[int, int]) -> tuple[Split, Split, tuple[str, ...]]:
    """Returns the splits under `path/train` and `path/test`, as RGB resized to `image_size`, and the class names."""
    splits, names = [], []
    for split in ("train", "test"):
        folder = path / split
        if not folder.is_dir():
            raise FileNotFoundError(
                f"`source` must have the folders 'train' and 'test', with one folder a class. "
                f"Received: source={str(path)!r}, without {split!r}"
            )
        data = keras.utils.image_dataset_from_directory(
            folder, image_size=image_size, batch_size=256, shuffle=False, verbose=False
        )
        batches = [(np.asarray(images), np.asarray(labels)) for images, labels in data]
        images = np.concatenate([images for images, _ in batches]).round().astype(np.uint8)
        splits.append(Split(images, np.concatenate([labels for _, labels in batches]).astype(np.int64)))
        names.append(tuple(data.class_names))
    if names[0] != names[1]:
        raise ValueError(f"'train' and 'test' must have the same classes. Received: {names[0]} and {names[1]}")
    return splits[0], splits[1], names[0]
