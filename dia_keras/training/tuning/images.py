"""The images of a fine-tuning, and the network that it starts from."""

import logging
import os
from typing import Any, NamedTuple

import keras
import numpy as np

from ... import data as data_module
from ...backbones.layers import to_image_shape
from ...data import Split
from ...data.picture import Resize
from ...inference.precision import in_float32, in_mixed_precision
from ...zoo.finding import find_network
from ...zoo.loading import with_new_head
from ...zoo.networks.network import Network
from .groups import choose_groups, groups_of
from .settings import FineTuning

#: An epoch of fewer steps than the first, in batches larger than the second, gets a hint to make batches smaller.
FEW_STEPS, SMALL_BATCH = 8, 8

_logger = logging.getLogger("dia_keras")


class Images(NamedTuple):
    """What a fine-tuning learns from, and the network that it starts from.

    Attributes:
        start: The network.
        training, held_out, test: The images with their labels.
        class_names: Names of the classes.
        size: Height and width of the images.
        channels: Number of their channels.
        resize: How they got that size.
        groups: How many groups, such as patients, the training and the held-out images are of; `None` without groups.
    """

    start: Network
    training: Split
    held_out: Split
    test: Split
    class_names: tuple[str, ...]
    size: tuple[int, int]
    channels: int
    resize: Resize
    groups: dict[str, int] | None = None

    @property
    def shape(self) -> dict[str, Any]:
        """Size, channels and resizing, which with the settings decide what a run learns."""
        return {"image_size": self.size, "channels": self.channels, "resize": self.resize}


def prepare(settings: FineTuning, source, data_dir, image_size, channels, resize, weights) -> Images:
    """Finds the network that a fine-tuning starts from and loads its images. For arguments see `fine_tune`."""
    start = find_network(settings.entry, weights)
    size, depth, rule = image_size or start.image_size, channels or start.channels, resize or start.resize
    # Before the images, which take minutes to read.
    groups = None if settings.group is None else groups_of(source, settings.group, data_dir)
    data_set = load_images(source, data_dir, size, rule, depth)
    if groups is None:
        chosen = choose_images(data_set.train.labels, settings.held_out, settings.seed)
        numbers = None
    else:
        labels = data_set.train.labels
        chosen = choose_groups(
            labels, groups, settings.held_out, settings.seed, data_set.class_names, str(settings.group)
        )
        numbers = {"training": len(np.unique(groups[~chosen])), "held_out": len(np.unique(groups[chosen]))}
    images = Images(
        start, *divided(data_set.train, chosen), data_set.test, data_set.class_names, size, depth, rule, numbers
    )
    warn_of_few_images(images, settings.batch_size)
    return images


def warn_of_few_images(images: Images, batch_size: int) -> None:
    """Warns, in the log, of classes that cannot be learned, and of batches that are large for so few images."""
    labels = images.training.labels
    unseen = [name for number, name in enumerate(images.class_names) if not (labels == number).any()]
    if unseen:
        _logger.warning("Classes without training images are not learned: %s", ", ".join(map(repr, unseen)))
    steps = len(labels) // min(batch_size, len(labels))
    if steps < FEW_STEPS and batch_size > SMALL_BATCH:
        _logger.warning(
            "Steps per epoch: %d, of %d images in batches of %d. The network may learn more with smaller batches.",
            steps,
            len(labels),
            batch_size,
        )


def load_images(
    source: str | os.PathLike, data_dir, image_size: tuple[int, int], resize: Resize, channels: int
) -> data_module.DataSet:
    """Loads images of any classes, of this size and number of channels.

    Raises:
        ValueError: Where the images have other channels, which cannot be changed, or there is one class only.
    """
    wanted: Any = channels if channels in (1, 3) else None
    data_set = data_module.load(source, data_dir=data_dir, image_size=image_size, resize=resize, channels=wanted)
    if data_set.train.images.shape[-1] != channels:
        raise ValueError(
            f"`channels` must be 3, 1 or those of the images, {data_set.train.images.shape[-1]}. "
            f"Received: channels={channels!r}"
        )
    if len(data_set.class_names) < 2:
        raise ValueError(f"`source` must have at least two classes. Received: {len(data_set.class_names)} in {source}")
    return data_set


def choose_images(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Returns a mask of a share of the images of every class, drawn at random.

    Of a class with two images or more, one at least is chosen, and one at least is not.
    """
    chosen = np.zeros(len(labels), bool)
    order = np.random.default_rng(seed).permutation(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        number = min(max(1, round(share * len(members))), len(members) - 1) if share else 0
        chosen[members[:number]] = True
    return chosen


def divided(split: Split, chosen: np.ndarray) -> tuple[Split, Split]:
    """Returns a split without the chosen images, and one of them alone."""
    return Split(split.images[~chosen], split.labels[~chosen]), Split(split.images[chosen], split.labels[chosen])


def starting_model(settings: FineTuning, images: Images) -> keras.Model:
    """Returns the network for these images in its precision, with a new head unless it knows these classes."""
    keras.utils.set_random_seed(settings.seed)
    classes, shape = len(images.class_names), to_image_shape(*images.size, images.channels)
    start = images.start
    model = start.load(num_classes=classes, input_shape=shape)
    is_new = start.labels is not None and len(start.labels) != classes
    if start.labels != images.class_names and not is_new:
        model = with_new_head(model, classes, activation="softmax")
    return in_float32(model) if settings.precision == "float32" else in_mixed_precision(model, settings.precision)
