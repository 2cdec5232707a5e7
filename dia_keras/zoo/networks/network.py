"""A network with what it takes and what it answers."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import keras

from ...data.picture import Resize
from ..cards import Card


@dataclasses.dataclass(frozen=True)
class Network:
    """A network with what it takes and what it answers. It takes pixel values, 0 to 255.

    Attributes:
        name: Name, for people.
        labels: Class names, in the order of the outputs; `None` where they are not known.
        image_size: Height and width of its images.
        channels: Number of channels of its images.
        resize: How images of other sizes become the network's: `resize` of `dia_keras.data.load`.
        data: Name of its data set in TFDS, `None` where it has none.
        load: Returns the network; with `num_classes`, `input_shape` or both, for other classes or images, as
            `dia_keras.zoo.load` does.
        card: Its architecture and what it reaches; `None` for a `.keras` file, which alone has neither.
        sha256: Returns the SHA-256 of the file that its weights are in; `None` without weights.
    """

    name: str
    labels: tuple[str, ...] | None
    image_size: tuple[int, int]
    channels: int
    resize: Resize
    data: str | None
    load: Callable[..., keras.Model]
    card: Card | None = None
    sha256: Callable[[], str | None] = lambda: None

    @property
    def picture_channels(self) -> Literal[1, 3]:
        """Number of channels of the pictures that it takes.

        Raises:
            ValueError: If it takes neither gray nor RGB pictures.
        """
        if self.channels == 1:
            return 1
        if self.channels == 3:
            return 3
        raise ValueError(
            f"The network must take gray or RGB images. Received: {self.name}, of {self.channels} channels"
        )
