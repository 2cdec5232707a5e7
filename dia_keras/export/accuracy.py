"""How often an exported file is right."""

from collections.abc import Callable

import numpy as np


def top1(predict: Callable[[np.ndarray], np.ndarray], images: np.ndarray, labels: np.ndarray, batch_size=250) -> float:
    """Returns the fraction of images whose best class is right, of predictions made in batches."""
    best = [predict(images[i : i + batch_size]).argmax(-1) for i in range(0, len(images), batch_size)]
    return float((np.concatenate(best) == np.asarray(labels)).mean())
