"""Faster R-CNN (Ren et al. 2015) on a feature pyramid (Lin et al. 2017)."""

import functools

import keras
import numpy as np
from keras import ops

from ...arguments import positive_integer
from .anchors import make_anchors
from .boxes import clip_boxes, decode_boxes, encode_boxes
from .detector import CANDIDATES, DetectionLayer, Detector
from .losses import smooth_l1
from .matching import match
from .pyramid import CHANNELS, STRIDES
from .region_features import roi_align
from .sampling import draw_sample
from .suppression import are_broken, class_wise_nms, gather_rows, nms_mask, top_k_candidate_class_pairs, top_k_indices

#: Bins of a region each way, and units of the two dense layers.
BINS, UNITS = 7, 1024
#: Scales of the second stage's codes, so that dx, dy, dw and dh count about as much as the classes.
BOX_CODE_SCALES = (10.0, 10.0, 5.0, 5.0)
#: Greatest IoU of two proposals of a level.
PROPOSAL_IOU = 0.7
#: Anchors an image in the first stage's loss; half of them positive, at most.
ANCHORS = 256
#: Anchors at a place of a level: one for each ratio.
ANCHORS_PER_LOCATION = 3


@keras.saving.register_keras_serializable("dia_keras")
class FasterRCNN(Detector):
    """Faster R-CNN: the first stage proposes regions from the levels P2 to P6, the second names and moves them.

    `call` returns the raw outputs of the first stage: "objectness" `(batch, anchors)`, "box_codes" `(batch, anchors,
    4)`, float32, and the levels "P2" to "P5", which the second stage looks at. `fit` takes batches of
    `dia_keras.detection.data.batches`; `compile` needs an optimizer only. `predict` finds objects.

    keras-cv's ROIGenerator does what `generate_proposals` does, on TensorFlow only: on PyTorch it needs torchvision,
    and XLA and exports get a loop with a round for each box, where `suppression.nms_mask` has a few for all.

    Args:
        depth: Depth of the ResNet.
        num_classes: Number of classes, without a background.
        image_size: Height and width of the input in pixels, multiples of 32.
        proposals: Regions an image that the second stage looks at; as many candidates a level go into non-maximum
            suppression.
        regions: Regions an image in the second stage's loss, a quarter of them positive, at most.
        **settings: More arguments of `Detector`; anchors have 8 strides by default.

    Example:

    >>> detector = FasterRCNN(depth=50, num_classes=80, image_size=(512, 512), attention="dia_lstm")
    >>> detector.compile("sgd")
    >>> detector.fit(batches, shuffle=False)
    >>> detector.predict(images)["boxes"]
    """

    LEVELS = (2, 3, 4, 5, 6)
    PARTS = ("proposal_class_loss", "proposal_box_loss", "class_loss", "box_loss")
    SETTINGS_OF_ANSWERS = (*Detector.SETTINGS_OF_ANSWERS, "proposals")

    def __init__(
        self,
        depth: int = 50,
        num_classes: int = 80,
        image_size: tuple[int, int] = (800, 1344),
        *,
        proposals: int = 1000,
        regions: int = 512,
        **settings,
    ):
        super().__init__(depth, num_classes, image_size, **{"anchor_scale": 8.0, **settings})
        self.proposals = positive_integer("proposals", proposals)
        self.regions = positive_integer("regions", regions)

    def _make_heads(self, pyramid: list) -> None:
        self._strides = [STRIDES[level] for level in self.LEVELS]
        self._levels = make_anchors(self.image_size, self._strides, self.anchor_scale)
        self.anchors = np.concatenate(self._levels)
        head = _proposal_head()
        scores, codes = zip(*map(head, pyramid), strict=True)
        outputs = {
            "objectness": _joined(scores, (-1,), "objectness"),
            "box_codes": _joined(codes, (-1, 4), "box_codes"),
            **{f"P{level}": features for level, features in zip(self.LEVELS[:-1], pyramid, strict=False)},
        }
        self.network = self._functional(outputs)
        self.region_head = _region_head(self.num_classes)
        # Of which anchors and regions the losses count; `keras.utils.set_random_seed` sets it.
        self._generator = keras.random.SeedGenerator()

    def generate_proposals(self, outputs: dict):
        """Returns the proposals, sorted by descending score, and which count: `(batch, n, 4)`, bool `(batch, n)`.

        They are the best of every level, of which non-maximum suppression at IoU 0.7 keeps some, and the best of all.
        """
        objectness, codes = map(ops.stop_gradient, (outputs["objectness"], outputs["box_codes"]))
        kept_boxes, kept_scores, start = [], [], 0
        for anchors in self._levels:
            scores = objectness[:, start : start + len(anchors)]
            rows = top_k_indices(scores, self.proposals)
            level = gather_rows(codes[:, start : start + len(anchors)], rows)
            boxes = clip_boxes(
                decode_boxes(level, ops.take(ops.convert_to_tensor(anchors), rows, axis=0)), self.image_size
            )
            has_size = ops.all(boxes[..., 2:] - boxes[..., :2] > 1e-3, axis=-1)
            kept = nms_mask(boxes, has_size, PROPOSAL_IOU)
            kept_boxes.append(boxes)
            kept_scores.append(ops.where(kept, gather_rows(scores, rows), -1e9))
            start += len(anchors)
        scores = ops.concatenate(kept_scores, axis=1)
        rows = top_k_indices(scores, self.proposals)
        return gather_rows(ops.concatenate(kept_boxes, axis=1), rows), gather_rows(scores, rows) > -1e8

    def region_outputs(self, outputs: dict, boxes) -> tuple:
        """Returns what the second stage says of regions `(batch, n, 4)`.

        Returns:
            Logits, `(batch, n, num_classes + 1)`, the last of which is the background's, and codes of boxes, seen from
            the regions, `(batch, n, num_classes, 4)`.
        """
        levels = [outputs[f"P{level}"] for level in self.LEVELS[:-1]]
        features = roi_align(levels, self._strides[:-1], boxes, BINS)
        logits, codes = self.region_head(ops.reshape(features, (-1, boxes.shape[1], BINS * BINS * CHANNELS)))
        return logits, ops.reshape(codes, (-1, boxes.shape[1], self.num_classes, 4))

    def losses_of(self, targets: dict, outputs: dict) -> dict:
        return {**self._proposal_losses(targets, outputs), **self._region_losses(targets, outputs)}

    def _proposal_losses(self, targets: dict, outputs: dict) -> dict:
        matches = match(self.anchors, targets["boxes"], targets["classes"], positive=0.7, negative=0.3, force=True)
        sample = draw_sample(matches.positive, matches.negative, ANCHORS, 0.5, self._generator)
        positive, counted = (ops.cast(mask, "float32") for mask in (sample.positive, sample.counted))
        number = ops.maximum(ops.sum(counted), 1.0)
        logits = gather_rows(outputs["objectness"], sample.rows)
        found = ops.binary_crossentropy(positive, logits, from_logits=True)
        anchors = ops.take(ops.convert_to_tensor(self.anchors), sample.rows, axis=0)
        codes = encode_boxes(gather_rows(matches.boxes, sample.rows), anchors)
        moved = ops.sum(smooth_l1(codes, gather_rows(outputs["box_codes"], sample.rows)), axis=-1)
        return {
            "proposal_class_loss": ops.sum(found * counted) / number,
            "proposal_box_loss": ops.sum(moved * positive) / number,
        }

    def _region_losses(self, targets: dict, outputs: dict) -> dict:
        boxes, is_proposal = self.generate_proposals(outputs)
        # The objects themselves are regions, too, so that there are positive ones from the first step.
        objects, classes = ops.cast(targets["boxes"], "float32"), ops.cast(targets["classes"], "int32")
        boxes = ops.concatenate([boxes, clip_boxes(objects, self.image_size)], axis=1)
        is_region = ops.concatenate([is_proposal, classes >= 0], axis=1)
        matches = match(boxes, objects, classes, positive=0.5, negative=0.5, force=False)
        sample = draw_sample(
            ops.logical_and(matches.positive, is_region),
            ops.logical_and(matches.negative, is_region),
            self.regions,
            0.25,
            self._generator,
        )
        positive, counted = (ops.cast(mask, "float32") for mask in (sample.positive, sample.counted))
        number = ops.maximum(ops.sum(counted), 1.0)
        regions = gather_rows(boxes, sample.rows)
        logits, codes = self.region_outputs(outputs, regions)
        classes = ops.where(sample.positive, gather_rows(matches.classes, sample.rows), self.num_classes)
        named = ops.sparse_categorical_crossentropy(classes, logits, from_logits=True)
        own = ops.one_hot(ops.minimum(classes, self.num_classes - 1), self.num_classes, dtype="float32")[..., None]
        codes = ops.sum(codes * own, axis=2)
        wanted = encode_boxes(gather_rows(matches.boxes, sample.rows), regions, BOX_CODE_SCALES)
        moved = ops.sum(smooth_l1(wanted, codes, beta=1.0), axis=-1)
        return {
            "class_loss": ops.sum(named * counted) / number,
            "box_loss": ops.sum(moved * positive) / number,
        }

    def _answers(self, outputs: dict, score_threshold: float) -> dict:
        return _SecondStage(self, score_threshold, name="answers")(outputs)

    def decode(self, outputs: dict, score_threshold: float | None = None) -> dict:
        """Returns the answers of raw outputs, see `predict`, as tensors.

        Args:
            outputs: What `call` returns.
            score_threshold: Scores of answers are greater; by default the detector's own.
        """
        regions, is_region = self.generate_proposals(outputs)
        logits, codes = self.region_outputs(outputs, regions)
        scores = ops.softmax(logits, axis=-1)[..., :-1] * ops.cast(is_region, "float32")[..., None]
        scores, rows, classes = top_k_candidate_class_pairs(scores, CANDIDATES)
        flat = ops.reshape(codes, (-1, codes.shape[1] * self.num_classes, 4))
        codes_of_class = gather_rows(flat, rows * self.num_classes + classes)
        boxes = decode_boxes(codes_of_class, gather_rows(regions, rows), BOX_CODE_SCALES)
        return class_wise_nms(
            clip_boxes(boxes, self.image_size),
            scores,
            classes,
            are_broken(outputs["objectness"], outputs["box_codes"], logits, codes),
            threshold=self.score_threshold if score_threshold is None else score_threshold,
            iou=self.iou_threshold,
            max_detections=self.max_detections,
        )

    def get_config(self):
        return {**super().get_config(), "proposals": self.proposals, "regions": self.regions}


class _SecondStage(DetectionLayer):
    """`FasterRCNN.decode` as a layer, whose weights are those of the second stage."""

    def __init__(self, detector: FasterRCNN, score_threshold: float, **kwargs):
        decode = functools.partial(detector.decode, score_threshold=score_threshold)
        super().__init__(decode, detector.max_detections, **kwargs)
        self.region_head = detector.region_head


def _joined(levels, shape: tuple[int, ...], name: str):
    """Returns a head's outputs at all levels as one, float32."""
    rows = [keras.layers.Reshape(shape, dtype="float32")(level) for level in levels]
    return keras.layers.Concatenate(1, dtype="float32", name=name)(rows)


def _proposal_head() -> keras.Model:
    """Returns the head of the first stage, for all levels: a 3x3 convolution, and two 1x1 for scores and codes."""
    inputs = keras.Input((None, None, CHANNELS))
    start = keras.initializers.RandomNormal(stddev=0.01)
    x = keras.layers.Conv2D(
        CHANNELS, 3, padding="same", activation="relu", kernel_initializer=start.clone(), name="proposal_conv"
    )(inputs)
    scores = keras.layers.Conv2D(ANCHORS_PER_LOCATION, 1, kernel_initializer=start.clone(), name="proposal_objectness")(
        x
    )
    codes = keras.layers.Conv2D(4 * ANCHORS_PER_LOCATION, 1, kernel_initializer=start.clone(), name="proposal_codes")(x)
    return keras.Model(inputs, [scores, codes], name="proposal_head")


def _region_head(num_classes: int) -> keras.Model:
    """Returns the head of the second stage: two dense layers, and two for classes with a background, and for boxes."""
    x = inputs = keras.Input((None, BINS * BINS * CHANNELS))
    for number in (1, 2):
        x = keras.layers.Dense(UNITS, "relu", kernel_initializer="he_uniform", name=f"region_dense{number}")(x)
    logits = keras.layers.Dense(
        num_classes + 1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        dtype="float32",
        name="region_classes",
    )(x)
    codes = keras.layers.Dense(
        4 * num_classes,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        dtype="float32",
        name="region_codes",
    )(x)
    return keras.Model(inputs, [logits, codes], name="region_head")
