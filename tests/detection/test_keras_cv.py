"""Parts of detectors beside those of keras-cv, where keras-cv has them and they are right."""

import keras
import keras_cv
import numpy as np
import pytest

from dia_keras.detection.models.anchors import make_anchors
from dia_keras.detection.models.boxes import pairwise_iou
from dia_keras.detection.models.matching import match
from dia_keras.detection.models.retinanet import OCTAVES, RATIOS
from dia_keras.detection.models.suppression import kept_by_nms

pytestmark = pytest.mark.tensorflow  # on which keras-cv is tested

SIZE, STRIDES = (96, 160), (8, 16, 32)


def numpy(x):
    return keras.ops.convert_to_numpy(x)


def random_boxes(number, seed=0):
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 60, (number, 2))
    return np.concatenate([starts, starts + rng.uniform(8, 60, (number, 2))], -1).astype("float32")


def test_anchors_are_those_of_keras_cv():
    levels = [str(stride) for stride in STRIDES]
    # keras-cv's ratios are widths over heights.
    theirs = keras_cv.layers.AnchorGenerator(
        bounding_box_format="xyxy",
        sizes={level: 4.0 * int(level) for level in levels},
        scales=list(OCTAVES),
        aspect_ratios=[1 / ratio for ratio in RATIOS],
        strides={level: int(level) for level in levels},
    )(image_shape=(*SIZE, 3))
    for level, own in zip(levels, make_anchors(SIZE, STRIDES, 4.0, OCTAVES, RATIOS), strict=True):
        their, mine = (np.sort(each.round(3).view("f4,f4,f4,f4").ravel()) for each in (numpy(theirs[level]), own))
        np.testing.assert_allclose(their.view("f4"), mine.view("f4"), atol=2e-3)


def test_overlaps_are_those_of_keras_cv():
    first, second = random_boxes(20), random_boxes(7, 1)
    theirs = keras_cv.bounding_box.compute_iou(first, second, bounding_box_format="xyxy")
    np.testing.assert_allclose(numpy(pairwise_iou(first, second)), numpy(theirs), atol=1e-6)


def test_matches_are_those_of_keras_cv():
    anchors, boxes = np.concatenate(make_anchors(SIZE, STRIDES, 4.0)), random_boxes(6)
    iou = keras_cv.bounding_box.compute_iou(anchors, boxes, bounding_box_format="xyxy")
    columns, values = map(numpy, keras_cv.layers.BoxMatcher([0.4, 0.5], [-1, -2, 1])(iou))
    own = match(anchors, boxes[None], np.arange(6)[None], positive=0.5, negative=0.4, force=False)
    np.testing.assert_array_equal(numpy(own.positive)[0], values == 1)
    np.testing.assert_array_equal(numpy(own.negative)[0], values == -1)
    np.testing.assert_array_equal(numpy(own.classes)[0][values == 1], columns[values == 1])


def test_forced_matches_of_keras_cv_have_an_anchor_without_a_box():
    anchors, boxes = np.concatenate(make_anchors(SIZE, STRIDES, 4.0)), random_boxes(6)
    iou = numpy(keras_cv.bounding_box.compute_iou(anchors, boxes, bounding_box_format="xyxy"))
    _, values = keras_cv.layers.BoxMatcher([0.4, 0.5], [-1, -2, 1], force_match_for_each_col=True)(iou)
    own = match(anchors, boxes[None], np.arange(6)[None], positive=0.5, negative=0.4, force=True)
    expected = (iou >= 0.5).any(1) | (iou >= iou.max(0) - 1e-6).any(1)
    np.testing.assert_array_equal(numpy(own.positive)[0], expected)
    assert numpy(values)[0] == 1 and iou[0].max() < 0.1 and not expected[0]


def test_boxes_of_other_classes_fall_in_keras_cv_only():
    boxes, scores = np.repeat(random_boxes(1), 2, 0), np.array([[0.9, 0.1], [0.1, 0.8]], "float32")
    theirs = keras_cv.layers.NonMaxSuppression(
        bounding_box_format="xyxy", from_logits=False, iou_threshold=0.5, confidence_threshold=0.05, max_detections=2
    )(boxes[None], scores[None])
    own = kept_by_nms(boxes[None], np.ones((1, 2), bool), 0.5, np.array([[0, 1]]))
    assert int(numpy(theirs["num_detections"])[0]) == 1 and numpy(own).all()


def test_suppression_is_that_of_keras_cv():
    boxes, scores = (
        random_boxes(60),
        np.sort(np.random.default_rng(1).uniform(0.1, 1, 60))[::-1].astype("float32").copy(),
    )
    theirs = keras_cv.layers.NonMaxSuppression(
        bounding_box_format="xyxy", from_logits=False, iou_threshold=0.3, confidence_threshold=0.05, max_detections=60
    )(boxes[None], scores[None, :, None])
    number = int(numpy(theirs["num_detections"])[0])
    kept = numpy(kept_by_nms(boxes[None], np.ones((1, 60), bool), 0.3))[0]
    assert 1 < kept.sum() == number < 60
    np.testing.assert_allclose(numpy(theirs["boxes"])[0, :number], boxes[kept], atol=1e-3)
