"""Images that belong together, such as those of a patient: all of them are held out, or none."""

import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from ...data.folder import training_names
from ...data.sources import is_folder


def groups_of(source: str | os.PathLike, pattern: str, data_dir: str | os.PathLike | None = None) -> np.ndarray:
    """Returns the number of the group of every training image in a folder, in the order in which they are loaded.

    Args:
        source: Folder of images, as `dia_keras.data.load` takes it.
        pattern: Regular expression. What its first parentheses match in the name of an image, or else all that it
            matches, is the name of the group.
        data_dir: As `dia_keras.data.load` takes it.

    Raises:
        ValueError: Where the source is not a folder, or the pattern does not match in a name.
    """
    path = pathlib.Path(source)
    if path.suffix == ".npz" or not is_folder(source, data_dir):
        raise ValueError(
            "`group` needs a folder of images: images of an .npz file or a data set of TFDS have no names. "
            f"Received: group={pattern!r}, source={str(source)!r}, data_dir={data_dir and str(data_dir)!r}"
        )
    names = training_names(path)
    groups = []
    for name in names:
        match = re.search(pattern, name)
        group = match and next((part for part in match.groups()[:1] if part), match[0])
        if not group:
            raise ValueError(
                f"`group` must match in the name of every training image, and not match nothing. "
                f"Received: group={pattern!r}, which finds nothing in {name}"
            )
        groups.append(group)
    return np.unique(groups, return_inverse=True)[1].reshape(-1)


def choose_groups(
    labels: np.ndarray, groups: np.ndarray, share: float, seed: int, class_names: Sequence[str], pattern: str
) -> np.ndarray:
    """Returns a mask of the images of some groups, drawn at random: of every class as near to a share as can be.

    Groups may have images of several classes. They are gone through in random order. One is chosen if that brings the
    numbers of chosen images nearer to the share of every class.

    Args:
        labels: Number of every image's class, `(n,)`.
        groups: Number of every image's group, `(n,)`.
        share: Share of the images of every class, positive and less than 1.
        seed: Seed of the order.
        class_names: Names of the classes, for errors.
        pattern: Regular expression that the groups are of, for errors.

    Raises:
        ValueError: Where all images of a class would be chosen, or none.
    """
    counts = np.zeros((groups.max() + 1, len(class_names)), np.int64)
    np.add.at(counts, (groups, labels), 1)
    totals = np.maximum(counts.sum(axis=0), 1)
    chosen, sums = np.zeros(len(counts), bool), np.zeros(len(class_names), np.int64)

    def distance(sums):
        return np.sum((sums / totals - share) ** 2, axis=-1)

    def leaves_some(group):
        return np.all((counts[group] == 0) | (sums + counts[group] < totals))

    order = np.random.default_rng(seed).permutation(len(counts))
    for group in order:
        if distance(sums + counts[group]) < distance(sums) and leaves_some(group):
            chosen[group], sums = True, sums + counts[group]
    for label, name in enumerate(class_names):
        if sums[label]:
            continue
        # Each of its groups is too large for the share: the one that goes least beyond it.
        possible = [group for group in order if counts[group, label] and leaves_some(group)]
        if not possible:
            raise ValueError(
                "`group` must leave every class with groups to train on and with others to hold out. Received: "
                f"group={pattern!r}, which finds {np.count_nonzero(counts[:, label])} groups in the class {name}"
            )
        group = min(possible, key=lambda group: distance(sums + counts[group]))
        chosen[group], sums = True, sums + counts[group]
    return chosen[groups]
