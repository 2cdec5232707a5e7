"""Data sets of TensorFlow Datasets."""

import os

import numpy as np

from .sources import Split


def load_tfds(name: str, data_dir: str | os.PathLike | None, download: bool) -> tuple[Split, Split, tuple[str, ...]]:
    """Returns the `train` and `test` splits of a TFDS data set, and its class names."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"Reading {name!r} from TFDS needs `pip install dia_keras[data]`; an .npz file or a folder needs nothing."
        ) from error

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise ValueError(
            f"`source` must be a TFDS data set, an .npz file or a folder. Received: source={name!r}"
        ) from error
    if download:
        builder.download_and_prepare()
    elif not builder.data_path.exists():
        flag = f" --data_dir={data_dir}" if data_dir else ""
        raise FileNotFoundError(
            f"The data set {name!r} is not in {builder.data_path.parent}. Prepare it with `tfds build {name}{flag}`, "
            f"pass `download=True`, or name its folder by `data_dir=` or the environment variable DIA_KERAS_DATA."
        )
    features = builder.info.supervised_keys
    class_names = tuple(builder.info.features[features[1]].names)
    splits = []
    for split in ("train", "test"):
        images, labels = tfds.as_numpy(
            builder.as_dataset(split, batch_size=-1, as_supervised=True, shuffle_files=False)
        )
        splits.append(Split(images, labels.astype(np.int64)))
    return splits[0], splits[1], class_names
