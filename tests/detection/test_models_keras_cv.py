"""What the detectors' parts have in common with keras-cv's, and where those are wrong."""

import numpy as np
import pytest
from keras import ops

from dia_keras.detection.models.anchors import make_anchors
from dia_keras.detection.models.matching import match
from dia_keras.detection.models.suppression import class_wise_nms

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def keras_cv():
    import keras_cv

    return keras_cv


def test_anchors_are_those_of_keras_cv(keras_cv):
    # Its ratios are widths over heights.
    theirs = keras_cv.layers.AnchorGenerator(
        "xyxy", sizes=[32.0], scales=[1.0, 2 ** (1 / 3)], aspect_ratios=[2.0, 1.0, 0.5], strides=[8]
    )(image_shape=(64, 96, 3))
    (ours,) = make_anchors((64, 96), [8], 4.0, octaves=(1.0, 2 ** (1 / 3)))
    np.testing.assert_allclose(ours, ops.convert_to_numpy(theirs[0]), atol=1e-4)


def test_keras_cv_matches_the_first_anchor_with_a_box_that_is_not_there(keras_cv):
    candidates = np.array([[0, 0, 4, 4], [10, 10, 20, 20]], "float32")
    box = np.array([[[10, 10, 20, 20]]], "float32")
    matcher = keras_cv.layers.BoxMatcher([0.4, 0.5], [-1, -2, 1], force_match_for_each_col=True)
    columns, values = matcher(np.array([[[0.0], [1.0]]], "float32"))
    assert ops.convert_to_numpy(values).tolist() == [[1, 1]]
    assert ops.convert_to_numpy(columns).tolist() == [[1, 0]]  # of one box
    ours = match(candidates, box, np.array([[0]]), positive=0.5, negative=0.4, force=True)
    assert ops.convert_to_numpy(ours.positive).tolist() == [[False, True]]


def test_keras_cv_suppresses_boxes_of_other_classes(keras_cv):
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 10, 9]]], "float32")
    scores = np.array([[[0.9, 0.0], [0.0, 0.8]]], "float32")
    theirs = keras_cv.layers.NonMaxSuppression("xyxy", from_logits=False, confidence_threshold=0.1)(boxes, scores)
    assert ops.convert_to_numpy(theirs["num_detections"]).tolist() == [1]
    classes, sound = np.array([[0, 1]], "int32"), np.array([False])
    ours = class_wise_nms(boxes, scores.max(-1), classes, sound, threshold=0.1, iou=0.5, max_detections=5)
    assert ops.convert_to_numpy(ours["num_detections"]).tolist() == [2]


def test_keras_cvs_region_aligner_fails_on_keras_3(keras_cv):
    from keras_cv.src.layers.object_detection.roi_align import _ROIAligner

    levels = {f"P{level}": np.zeros((1, 64 // 2**level, 64 // 2**level, 8), "float32") for level in (2, 3)}
    with pytest.raises(Exception, match=r"(?i)reshape|shape"):
        _ROIAligner("xyxy")(levels, np.array([[[8, 8, 36, 36]]], "float32"))
