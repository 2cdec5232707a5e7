"""Distillation: trained networks take part in the targets."""

from collections.abc import Iterable, Iterator, Sequence

import keras
from keras import ops

from .. import zoo
from ..zoo.files.reading import SUFFIXES
from ..zoo.finding import find_network
from .augmentation.augment import shrunk
from .precision import built_in
from .recipe import Recipe


def load_teachers(recipe: Recipe) -> list[keras.Model]:
    """Loads a recipe's teachers, in its precision.

    Raises:
        ValueError: Where a teacher has other classes than the entry, or there are no such weights.
    """
    classes = zoo.card(recipe.entry).labels
    with built_in(recipe.precision):
        teachers = []
        for name in recipe.teachers:
            is_file = name.endswith(SUFFIXES)
            labels = find_network(recipe.entry, name).labels if is_file else zoo.card(name).labels
            if labels != classes:
                raise ValueError(
                    f"`teachers` must have the {len(classes)} classes of {recipe.entry}, in their order. "
                    f"Received: {name!r}, with others: {', '.join((labels or ())[:3])}, ..."
                )
            teachers.append(zoo.load(recipe.entry, weights=name) if is_file else zoo.load(name))
        return teachers


def taught(batches: Iterable, teachers: Sequence[keras.Model], share: float, image_size: int | None = None) -> Iterator:
    """Yields batches whose targets are, by `share`, the mean probabilities that the teachers give to the same images.

    The teachers see what the student sees, augmented and mixed (Beyer et al., https://arxiv.org/abs/2106.05237), and
    where the student's images are smaller, they see them before. The temperature of Hinton et al.,
    https://arxiv.org/abs/1503.02531, is 1. The accuracy in a run's log is then that against the likeliest class of the
    mixed targets.

    Args:
        batches: Images and one-hot or mixed targets, `(batch, classes)`.
        teachers: Networks from the images to probabilities, `(batch, classes)`; without, targets stay as they are.
        share: Share of the teachers in the targets, from 0 to 1.
        image_size: Height and width of the images that are yielded; `None` for those of the batches.
    """
    for images, targets in batches:
        if teachers:
            answers = sum(ops.convert_to_tensor(teacher.predict_on_batch(images), "float32") for teacher in teachers)
            targets = (1 - share) * targets + share / len(teachers) * answers
        yield images if image_size is None else shrunk(images, image_size), targets
