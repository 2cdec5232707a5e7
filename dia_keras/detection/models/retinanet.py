"""RetinaNet (Lin et al. 2017, "Focal loss for dense object detection")."""

import functools
import math

import keras
import numpy as np
from keras import ops

from .anchors import make_anchors
from .boxes import clip_boxes, decode_boxes, encode_boxes
from .detector import CANDIDATES, DetectionLayer, Detector
from .losses import focal_loss, smooth_l1
from .matching import match
from .pyramid import CHANNELS, STRIDES
from .suppression import are_broken, class_wise_nms, gather_rows, top_k_candidate_class_pairs

#: Sizes of the anchors at a place, in those of the level.
OCTAVES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
#: Heights over widths of the anchors at a place.
RATIOS = (0.5, 1.0, 2.0)
#: Score of every class at the start, so that the many places without an object do not drown the others.
PRIOR = 0.01


@keras.saving.register_keras_serializable("dia_keras")
class RetinaNet(Detector):
    """RetinaNet: at every place of the levels P3 to P7, nine anchors are classified and moved, by two heads.

    `call` returns the raw outputs: "class_logits" `(batch, anchors, num_classes)` and "box_codes" `(batch, anchors,
    4)`, float32. `fit` takes batches of `dia_keras.detection.data.batches`; `compile` needs an optimizer only.
    `predict` finds objects. Its arguments are those of `Detector`; anchors have 4 strides by default.

    Example:

    >>> detector = RetinaNet(depth=50, num_classes=80, image_size=(512, 512), attention="dia_lstm")
    >>> detector.compile("sgd")
    >>> detector.fit(batches, shuffle=False)
    >>> detector.predict(images)["boxes"]
    """

    LEVELS = (3, 4, 5, 6, 7)
    PARTS = ("class_loss", "box_loss")

    def _make_heads(self, pyramid: list) -> None:
        strides = [STRIDES[level] for level in self.LEVELS]
        levels = make_anchors(self.image_size, strides, self.anchor_scale, OCTAVES, RATIOS)
        #: Numbers of the anchors up to the end of each level.
        self.level_ends: list[int] = np.cumsum([len(anchors) for anchors in levels]).tolist()
        self.anchors = np.concatenate(levels)
        places = len(OCTAVES) * len(RATIOS)
        outputs = {}
        for name, channels, bias in (
            ("class_logits", self.num_classes, -math.log((1 - PRIOR) / PRIOR)),
            ("box_codes", 4, 0.0),
        ):
            head = _head(places * channels, bias, f"{name}_head")
            levels = [keras.layers.Reshape((-1, channels), dtype="float32")(head(level)) for level in pyramid]
            outputs[name] = keras.layers.Concatenate(1, dtype="float32", name=name)(levels)
        self.network = self._functional(outputs)

    def losses_of(self, targets: dict, outputs: dict) -> dict:
        matches = match(self.anchors, targets["boxes"], targets["classes"], positive=0.5, negative=0.4, force=True)
        positive = ops.cast(matches.positive, "float32")
        counted = positive + ops.cast(matches.negative, "float32")
        classes = ops.one_hot(ops.maximum(matches.classes, 0), self.num_classes, dtype="float32")
        focal = ops.sum(focal_loss(classes * positive[..., None], outputs["class_logits"]), axis=-1)
        codes = encode_boxes(matches.boxes, self.anchors)
        moved = ops.sum(smooth_l1(codes, outputs["box_codes"]), axis=-1)
        number = ops.maximum(ops.sum(positive), 1.0)
        return {
            "class_loss": ops.sum(focal * counted) / number,
            "box_loss": ops.sum(ops.where(matches.positive, moved, 0.0)) / number,
        }

    def _answers(self, outputs: dict, score_threshold: float) -> dict:
        decode = functools.partial(self.decode, score_threshold=score_threshold)
        return DetectionLayer(decode, self.max_detections, name="answers")(outputs)

    def decode(self, outputs: dict, score_threshold: float | None = None) -> dict:
        """Returns the answers of raw outputs, see `predict`, as tensors.

        The best 1,000 pairs of an anchor and a class of each level are candidates, as in the paper.

        Args:
            outputs: What `call` returns.
            score_threshold: Scores of answers are greater; by default the detector's own.
        """
        levels = []
        for start, end in zip([0, *self.level_ends], self.level_ends, strict=False):
            logits, rows, classes = top_k_candidate_class_pairs(outputs["class_logits"][:, start:end], CANDIDATES)
            levels.append((logits, rows + start, classes))
        logits, candidates, classes = (ops.concatenate(parts, axis=1) for parts in zip(*levels, strict=True))
        anchors = ops.take(ops.convert_to_tensor(self.anchors), candidates, axis=0)
        boxes = decode_boxes(gather_rows(outputs["box_codes"], candidates), anchors)
        return class_wise_nms(
            clip_boxes(boxes, self.image_size),
            ops.sigmoid(logits),
            classes,
            are_broken(outputs["class_logits"], outputs["box_codes"]),
            threshold=self.score_threshold if score_threshold is None else score_threshold,
            iou=self.iou_threshold,
            max_detections=self.max_detections,
        )


def _head(filters: int, bias: float, name: str) -> keras.Model:
    """Returns four 3x3 convolutions with ReLU and a last one, for all levels."""
    x = inputs = keras.Input((None, None, CHANNELS))
    start = keras.initializers.RandomNormal(stddev=0.01)
    for number in range(1, 5):
        x = keras.layers.Conv2D(
            CHANNELS,
            3,
            padding="same",
            activation="relu",
            kernel_initializer=start.clone(),
            name=f"{name}_conv{number}",
        )(x)
    x = keras.layers.Conv2D(
        filters,
        3,
        padding="same",
        kernel_initializer=start.clone(),
        bias_initializer=keras.initializers.Constant(bias),
        name=f"{name}_output",
    )(x)
    return keras.Model(inputs, x, name=name)
