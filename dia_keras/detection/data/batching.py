"""Batches of images with boxes, as `keras.Model.fit` takes them."""

import warnings

import keras
import numpy as np

from ...arguments import boolean, height_and_width, is_integer, positive_integer
from ...data.picture import check_memory
from .augmentation import VISIBLE, areas, augmented
from .detection_set import DetectionSet
from .letterboxing import letterbox

#: Classes of rows that are not boxes, and of boxes that count neither as found nor as missed.
PADDING, CROWD = -1, -2


class Batches(keras.utils.PyDataset):
    """Batches of a detection set, see `batches`.

    Attributes:
        epoch: Number of the epoch, counted from 0. It seeds the order and the augmentation.
    """

    def __init__(
        self,
        detection_set: DetectionSet,
        batch_size: int,
        image_size: tuple[int, int],
        augment: bool,
        shuffle: bool,
        seed: int,
        max_boxes: int,
        workers: int,
    ):
        super().__init__(workers=workers)
        self.epoch = 0
        self._detection_set = detection_set
        self._batch_size = batch_size
        self._image_size = image_size
        self._augment = augment
        self._shuffle = shuffle
        self._seed = seed
        self._max_boxes = max_boxes

    def __len__(self) -> int:
        whole, rest = divmod(len(self._detection_set), self._batch_size)
        return whole if self._shuffle or not rest else whole + 1

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches. Received: index={index}")
        order = np.arange(len(self._detection_set))
        if self._shuffle:
            order = np.random.default_rng((self._seed, self.epoch)).permutation(order)
        members = order[index * self._batch_size : (index + 1) * self._batch_size]
        images, boxes, classes = zip(*map(self._prepared, members.tolist()), strict=True)
        return np.stack(images), {"boxes": np.stack(boxes), "classes": np.stack(classes)}

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def epoch_callback(self) -> keras.callbacks.Callback:
        """Returns a callback for Keras' `fit` that sets `epoch` to the one of `fit`, also where that resumes.

        Without it, `fit` counts on from `epoch`, and counts one too many where the model is not built.
        """
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(self, "epoch", epoch))

    def _prepared(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns an image, and its padded boxes and classes."""
        example = self._detection_set[index]
        classes = np.where(example.crowd, CROWD, example.classes).astype(np.int32)
        if self._augment:
            # One more than the index: NumPy takes a last 0 for none, which seeds the order of the epoch.
            rng = np.random.default_rng((self._seed, self.epoch, index + 1))
            image, boxes, visible = augmented(example, self._image_size, rng)
            classes = np.where(visible < VISIBLE, CROWD, classes).astype(np.int32)
            boxes, classes = boxes[visible > 0], classes[visible > 0]
        else:
            image, place = letterbox(example.image, self._image_size)
            boxes = place.apply(example.boxes)
        if len(boxes) > self._max_boxes:
            largest = np.argsort(-areas(boxes), kind="stable")[: self._max_boxes]
            boxes, classes = boxes[largest], classes[largest]
        rows = ((0, self._max_boxes - len(boxes)),)
        return (
            image,
            np.pad(boxes, (*rows, (0, 0)), constant_values=PADDING),
            np.pad(classes, rows, constant_values=PADDING),
        )


def batches(
    detection_set: DetectionSet,
    *,
    batch_size: int,
    image_size: tuple[int, int],
    augment: bool,
    seed: int = 0,
    max_boxes: int = 100,
    shuffle: bool | None = None,
    workers: int = 1,
) -> Batches:
    """Returns batches of letterboxed images with their boxes.

    An epoch is augmented and shuffled by `(seed, epoch, index of the image)` alone, so that a resumed run sees the same
    images. Pass `callbacks=[made.epoch_callback()]` to Keras' `fit`, which sets the epoch, and `shuffle=False`: it
    otherwise shuffles the batches by random numbers of its own.

    Args:
        detection_set: The images. Those without boxes are among them; see `DetectionSet.with_boxes`.
        batch_size: Number of images per batch.
        image_size: Height and width of the network's input in pixels.
        augment: Whether images are flipped, scaled and moved at random. Else they lie as `letterbox` has them.
        seed: Seed of the order and of the augmentation, at least 0.
        max_boxes: Rows for boxes; of an image with more, the largest ones are taken.
        shuffle: Whether every epoch has an order of its own, and no smaller batch at its end. By default as `augment`.
        workers: Threads that read ahead, where there are more than one.

    Returns:
        A `keras.utils.PyDataset` of pairs: images, uint8 `(batch, height, width, 3)`, and a dictionary of "boxes",
        `(x1, y1, x2, y2)` in pixels of the input, float32 `(batch, max_boxes, 4)`, and "classes", int32
        `(batch, max_boxes)`. Rows without a box have -1 in both. Crowds, and boxes of which less than a quarter is
        left in an augmented image, have the class -2: they count neither as found nor as missed.

    Raises:
        ValueError: On an argument out of range, fewer images than a batch has where they are shuffled, or a batch that
            is larger than the memory.
    """
    batch_size, max_boxes = positive_integer("batch_size", batch_size), positive_integer("max_boxes", max_boxes)
    size, augment = height_and_width("image_size", image_size), boolean("augment", augment)
    check_memory(batch_size, (*size, 3))
    if not is_integer(seed, 0):
        raise ValueError(f"`seed` must be an integer of at least 0. Received: seed={seed!r}")
    shuffle = augment if shuffle is None else boolean("shuffle", shuffle)
    made = Batches(
        detection_set, batch_size, size, augment, shuffle, seed, max_boxes, positive_integer("workers", workers)
    )
    if not len(made):
        raise ValueError(
            "`batch_size` must be at most the number of images, where they are shuffled. "
            f"Received: batch_size={batch_size}, with {len(detection_set)} images"
        )
    crowded = sum(len(record.classes) > max_boxes for record in detection_set.records)
    if crowded:
        warnings.warn(
            f"{crowded} images have more than max_boxes={max_boxes} boxes: their largest ones are taken.", stacklevel=2
        )
    return made
