"""Images in the batches that a TFLite file takes."""

import numpy as np


def batches_of(batch_size: int, images: np.ndarray) -> np.ndarray:
    """Returns the images in whole batches, `(m, batch_size, ...)`; the first images fill up the last batch."""
    indices = np.arange(-(-len(images) // batch_size) * batch_size) % len(images)
    return images[indices].reshape(-1, batch_size, *images.shape[1:])
