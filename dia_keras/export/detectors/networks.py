"""The Keras models that files of detectors hold."""

import keras
from keras import ops

from ...detection import RetinaNet
from ...detection.models.boxes import clip_boxes, decode_boxes
from ...detection.models.detector import Detector
from ...inference import optimize
from ...inference.precision import OTHERS


def in_float32(detector: Detector) -> Detector:
    """Returns the detector that computes in float32 with the weights of `detector`: itself, if it already does."""
    if detector.dtype_policy.name not in OTHERS:
        return detector
    twin = type(detector).from_config({**detector.get_config(), "dtype": "float32"})
    twin.set_weights(detector.get_weights())
    return twin


def whole_network(detector: Detector, optimized: bool) -> keras.Model:
    """Returns the model from images to answers, `detector.predictor()`, rewritten for inference if asked."""
    return optimize(detector.predictor()) if optimized else detector.predictor()


def heads_network(detector: RetinaNet, optimized: bool) -> keras.Model:
    """Returns the model from images to "boxes" and "scores" of all anchors, without non-maximum suppression.

    Boxes are `(x1, y1, x2, y2)` in pixels of the input, `(batch, anchors, 4)`, scores `(batch, anchors, num_classes)`.
    """
    images = keras.Input((*detector.image_size, 3), name="images")
    network = optimize(detector.network) if optimized else detector.network
    return keras.Model(images, _Decoded(detector)(network(images)), name=f"{detector.name}_heads")


class _Decoded(keras.layers.Layer):
    """From RetinaNet's raw outputs to boxes and scores."""

    def __init__(self, detector: RetinaNet):
        super().__init__(dtype="float32", name="decoded")
        self.anchors, self.image_size = detector.anchors, detector.image_size

    def call(self, outputs):
        boxes = decode_boxes(outputs["box_codes"], self.anchors)
        return {"boxes": clip_boxes(boxes, self.image_size), "scores": ops.sigmoid(outputs["class_logits"])}
