"""The images of a network: those of its data set, or others of its classes."""

from typing import Any

import numpy as np

from .. import data as data_module
from ..data.sources import data_dir_of
from .cards import Card
from .networks.by_card import entry_network
from .networks.network import Network


def load_data(card: Card, source=None, data_dir=None, held_out: int = 0, resize=None) -> data_module.DataSet:
    """Loads the data of a zoo entry, from TFDS or from `source`, whose classes must be the entry's, as RGB.

    For errors and arguments see `load_data_of`.
    """
    return load_data_of(entry_network(card), source, data_dir, held_out, resize)


def load_data_of(network: Network, source=None, data_dir=None, held_out: int = 0, resize=None) -> data_module.DataSet:
    """Loads the data of a network, from TFDS or from `source`, whose classes must be the network's.

    Images of other sizes than the network's are resized as its card says, or by `resize`. Classes in another order are
    numbered as the network has them.

    Raises:
        ValueError: Where the classes are others; or without `source` where the network has no data
            set of its own.
    """
    if source is None:
        if network.data is None:
            raise ValueError(
                f"`source` must name the images: {network.name} has no data set of its own. Received: none"
            )
        source, data_dir = network.data, data_dir_of(network.data, data_dir)
    wanted: Any = network.channels if network.channels in (1, 3) else None
    data = data_module.load(
        source,
        data_dir=data_dir,
        held_out=held_out,
        image_size=network.image_size,
        resize=resize or network.resize,
        channels=wanted,
    )
    if network.labels is None or data.class_names == network.labels:
        return data
    if set(data.class_names) != set(network.labels):
        raise ValueError(
            f"`source` must have the {len(network.labels)} classes of {network.name}: "
            f"{', '.join(network.labels[:3])}, ... Received: {len(data.class_names)} classes, "
            f"{', '.join(data.class_names[:3])}, ..."
        )
    # Folders are in the order of their names.
    numbers = np.array([network.labels.index(name) for name in data.class_names])
    splits = {
        name: data_module.Split(split.images, numbers[split.labels].astype(split.labels.dtype))
        for name, split in {"train": data.train, "held_out": data.held_out, "test": data.test}.items()
    }
    return data_module.DataSet(**splits, class_names=network.labels)
