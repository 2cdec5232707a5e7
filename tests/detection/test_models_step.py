"""A step of Faster R-CNN, whose sampling draws at random, in the loop of each backend."""

import keras
import numpy as np
from keras import ops
from small_models import build_small, example_batch

from dia_keras.detection import FasterRCNN


def test_faster_rcnn_takes_a_step():
    detector = build_small(FasterRCNN, image_size=(32, 32), proposals=8, regions=4)
    detector.compile(keras.optimizers.SGD(0.01))
    images, targets = example_batch()
    targets = {"boxes": targets["boxes"] / 2, "classes": targets["classes"]}
    before = values(detector)
    history = detector.fit(images[:, ::2, ::2], targets, batch_size=2, verbose=0).history
    assert all(np.isfinite(loss).all() for loss in history.values())
    after = values(detector)
    changed = {path for path in before if (before[path] != after[path]).any()}
    assert {each.path for each in detector.trainable_weights} <= changed
    assert any(path.endswith("seed_generator_state") for path in changed)  # the next step draws others


def values(detector):
    """Returns the variables by path, those of the random generator, too."""
    return {each.path: ops.convert_to_numpy(each).copy() for each in detector.variables}
