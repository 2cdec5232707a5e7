"""The parts of detectors, against values by hand and against NumPy written from the papers."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from dia_keras.detection.models.anchors import make_anchors
from dia_keras.detection.models.boxes import clip_boxes, decode_boxes, encode_boxes, pairwise_iou
from dia_keras.detection.models.losses import focal_loss, smooth_l1
from dia_keras.detection.models.matching import match
from dia_keras.detection.models.region_features import roi_align
from dia_keras.detection.models.sampling import draw_sample
from dia_keras.detection.models.suppression import are_broken, class_wise_nms, nms_mask, top_k_candidate_class_pairs

pytestmark = pytest.mark.eager


def numpy(x):
    return ops.convert_to_numpy(x)


def boxes_at_random(rng, *shape, size=64):
    corners = rng.uniform(0, size - 8, (*shape, 2))
    return np.concatenate([corners, corners + rng.uniform(2, 8, (*shape, 2))], axis=-1).astype("float32")


def test_iou_is_the_shared_area_over_that_of_both():
    first = np.array([[0, 0, 4, 2], [0, 0, 1, 1]], "float32")
    second = np.array([[2, 0, 6, 2], [0, 0, 4, 2], [9, 9, 10, 10], [0, 0, 0, 0]], "float32")
    expected = [[4 / 12, 1, 0, 0], [0, 1 / 8, 0, 0]]
    np.testing.assert_allclose(numpy(pairwise_iou(first, second)), expected, atol=1e-6)


def test_codes_are_those_of_the_paper_and_are_undone():
    anchor, box = np.array([[10, 20, 30, 60]], "float32"), np.array([[15, 20, 25, 80]], "float32")
    expected = np.array([[0, 10 / 40, math.log(10 / 20), math.log(60 / 40)]])
    np.testing.assert_allclose(numpy(encode_boxes(box, anchor)), expected, atol=1e-6)
    scaled = encode_boxes(box, anchor, (10.0, 10.0, 5.0, 5.0))
    np.testing.assert_allclose(numpy(scaled), expected * [10, 10, 5, 5], atol=1e-5)
    rng = np.random.default_rng(0)
    boxes, anchors = boxes_at_random(rng, 2, 9), boxes_at_random(rng, 9)
    undone = decode_boxes(encode_boxes(boxes, anchors, (10.0, 10.0, 5.0, 5.0)), anchors, (10.0, 10.0, 5.0, 5.0))
    np.testing.assert_allclose(numpy(undone), boxes, atol=1e-4)
    grown = numpy(decode_boxes(ops.convert_to_tensor([[0.0, 0.0, 50.0, 0.0]]), anchor))
    assert grown[0, 2] - grown[0, 0] == pytest.approx(20 * 1000 / 16, rel=1e-4)


def test_boxes_are_cut_to_the_image():
    cut = clip_boxes(ops.convert_to_tensor([[-3.0, 5.0, 90.0, 70.0]]), (64, 80))
    np.testing.assert_array_equal(numpy(cut), [[0, 5, 80, 64]])


def test_anchors_lie_around_the_centers_of_their_places():
    fine, coarse = make_anchors((32, 64), (16, 32), 2.0, octaves=(1.0, 1.5), ratios=(1.0, 4.0))
    assert fine.shape == (2 * 4 * 4, 4) and coarse.shape == (1 * 2 * 4, 4)
    # The first place of stride 16 has its center at (8, 8); size 32, then 48; ratio 4 is twice as high as wide.
    expected = [[-8, -8, 24, 24], [0, -24, 16, 40], [-16, -16, 32, 32], [-4, -40, 20, 56]]
    np.testing.assert_allclose(fine[:4], expected)
    np.testing.assert_allclose(fine[4:8], np.add(expected, [16, 0, 16, 0]))  # to the right first
    np.testing.assert_allclose(coarse[4], [16, -16, 80, 48])


def test_candidates_are_matched_by_iou_and_the_best_of_a_box_is_forced():
    # Of a box of 10 x 10: IoU 1, 0.45 (in between), 0.2 (negative); and one that alone reaches the second box.
    candidates = np.array([[0, 0, 10, 10], [0, 0, 10, 4.5], [0, 0, 10, 2], [28, 28, 32, 32]], "float32")
    boxes = np.array([[[0, 0, 10, 10], [30, 30, 40, 40], [-1, -1, -1, -1]]], "float32")
    found = match(candidates, boxes, np.array([[5, 3, -1]]), positive=0.5, negative=0.4, force=True)
    np.testing.assert_array_equal(numpy(found.positive), [[True, False, False, True]])
    np.testing.assert_array_equal(numpy(found.negative), [[False, False, True, False]])
    np.testing.assert_array_equal(numpy(found.classes)[0, [0, 3]], [5, 3])
    np.testing.assert_array_equal(numpy(found.boxes)[0, 3], boxes[0, 1])
    free = match(candidates, boxes, np.array([[5, 3, -1]]), positive=0.5, negative=0.4, force=False)
    np.testing.assert_array_equal(numpy(free.positive), [[True, False, False, False]])


def test_candidates_in_a_crowd_do_not_count_and_rows_without_a_box_change_nothing():
    candidates = np.array([[0, 0, 10, 10], [0, 0, 10, 30], [40, 40, 50, 50]], "float32")
    boxes = np.array([[[0, 0, 20, 12], [-1, -1, -1, -1]]], "float32")
    found = match(candidates, boxes, np.array([[-2, -1]]), positive=0.5, negative=0.4, force=True)
    assert not numpy(found.positive).any()
    # 100 % of the first lies in the crowd, 40 % of the second.
    np.testing.assert_array_equal(numpy(found.negative), [[False, True, True]])


def test_losses_are_those_of_the_papers():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(0, 3, (4, 5)), rng.integers(0, 2, (4, 5)).astype("float64")
    probability = 1 / (1 + np.exp(-logits))
    p_t = np.where(targets == 1, probability, 1 - probability)
    alpha_t = np.where(targets == 1, 0.25, 0.75)
    tensors = [ops.convert_to_tensor(each.astype("float32")) for each in (targets, logits)]
    np.testing.assert_allclose(numpy(focal_loss(*tensors)), -alpha_t * (1 - p_t) ** 2 * np.log(p_t), atol=1e-5)
    d = np.abs(targets - logits)
    for beta in (1.0, 1 / 9):
        expected = np.where(d < beta, d**2 / (2 * beta), d - beta / 2)
        np.testing.assert_allclose(numpy(smooth_l1(*tensors, beta=beta)), expected, atol=1e-5)


def greedy(boxes, scores, threshold):
    """Non-maximum suppression, box by box."""
    kept = []
    for row in np.argsort(-scores):
        if all(numpy(pairwise_iou(boxes[row][None], boxes[other][None]))[0, 0] <= threshold for other in kept):
            kept.append(int(row))
    return kept


def test_suppression_keeps_what_the_greedy_rule_keeps():
    rng = np.random.default_rng(1)
    boxes = boxes_at_random(rng, 2, 24, size=20)
    scores = -np.sort(-rng.uniform(size=(2, 24)), axis=1)
    kept = numpy(nms_mask(boxes, np.ones((2, 24), bool), 0.3))
    for row in range(2):
        assert np.flatnonzero(kept[row]).tolist() == greedy(boxes[row], scores[row], 0.3)
    # A chain: the second falls to the first, and so the third, which only the second overlaps, is kept.
    chain = np.array([[[0, 0, 10, 10], [0, 4, 10, 14], [0, 8, 10, 18], [0, 8, 10, 18]]], "float32")
    valid = np.array([[True, True, True, False]])
    np.testing.assert_array_equal(numpy(nms_mask(chain, valid, 0.3)), [[True, False, True, False]])


def test_answers_are_the_best_of_every_class_and_rows_without_one_are_minus_one():
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9], [20, 20, 30, 30]]], "float32")
    scores, classes = np.array([[0.9, 0.8, 0.7, 0.01]], "float32"), np.array([[1, 1, 0, 1]], "int32")
    sound = np.array([False])
    answers = class_wise_nms(boxes, scores, classes, sound, threshold=0.05, iou=0.5, max_detections=5)
    found = {name: numpy(value)[0] for name, value in answers.items()}
    assert found["num_detections"] == 2
    np.testing.assert_array_equal(found["classes"], [1, 0, -1, -1, -1])
    np.testing.assert_allclose(found["scores"], [0.9, 0.7, -1, -1, -1])
    np.testing.assert_array_equal(found["boxes"][:3], [[0, 0, 10, 10], [0, 0, 10, 9], [-1] * 4])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_of_which_an_output_is_not_finite_does_not_seem_to_have_no_objects(value):
    outputs = np.zeros((2, 3, 4), "float32"), np.zeros((2, 5, 1), "float32")
    outputs[1][1, 4, 0] = value
    broken = are_broken(*outputs)
    assert numpy(broken).tolist() == [False, True]
    boxes, scores = np.zeros((2, 1, 4), "float32"), np.array([[0.01], [np.nan]], "float32")
    answers = class_wise_nms(
        boxes, scores, np.zeros((2, 1), "int32"), broken, threshold=0.05, iou=0.5, max_detections=3
    )
    assert numpy(answers["num_detections"]).tolist() == [0, 1]
    np.testing.assert_array_equal(numpy(answers["scores"]), [[-1, -1, -1], [np.nan, -1, -1]])


def test_the_best_pairs_are_those_of_all_candidates_and_classes():
    scores = np.random.default_rng(0).normal(size=(2, 9, 4)).astype("float32")
    found, candidates, classes = map(numpy, top_k_candidate_class_pairs(scores, 6))
    for row in range(2):
        np.testing.assert_allclose(found[row], -np.sort(-scores[row].ravel())[:6])
        np.testing.assert_allclose(scores[row, candidates[row], classes[row]], found[row])


def test_a_sample_has_its_share_of_positive_candidates_and_only_what_counts():
    positive = np.zeros((2, 40), bool)
    positive[0, :20], positive[1, 3] = True, True
    negative = ~positive
    negative[1, 10:] = False
    seed = keras.random.SeedGenerator(1)
    sample = draw_sample(positive, negative, 16, 0.25, seed)
    rows, is_positive, counted = map(numpy, sample)
    assert is_positive.sum(1).tolist() == [4, 1] and counted.sum(1).tolist() == [16, 10]
    for row in range(2):
        assert len(set(rows[row])) == 16
        assert positive[row, rows[row][is_positive[row]]].all()
        assert negative[row, rows[row][counted[row] & ~is_positive[row]]].all()


def test_a_chance_next_to_one_makes_no_candidate_positive(monkeypatch):
    """PyTorch draws it, and in float32 it is 2 when 1 is added."""
    monkeypatch.setattr(keras.random, "uniform", lambda shape, *_, **__: ops.full(shape, np.float32(1 - 2**-24)))
    nothing = np.zeros((1, 4), bool)
    sample = draw_sample(nothing, ~nothing, 4, 0.5, keras.random.SeedGenerator(1))
    assert not numpy(sample.positive).any() and numpy(sample.counted).all()


def pooled_by_loops(level, stride, box, size=7):
    """RoI align of one box on one level, sample by sample."""
    height, width = level.shape[:2]
    out = np.zeros((size, size, level.shape[-1]))
    for i, j, sy, sx in np.ndindex(size, size, 2, 2):
        y = (box[1] + (i + (sy + 0.5) / 2) * (box[3] - box[1]) / size) / stride - 0.5
        x = (box[0] + (j + (sx + 0.5) / 2) * (box[2] - box[0]) / size) / stride - 0.5
        y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
        for row in (math.floor(y), math.floor(y) + 1):
            for column in (math.floor(x), math.floor(x) + 1):
                weight = max(0, 1 - abs(y - row)) * max(0, 1 - abs(x - column))
                if weight:
                    out[i, j] += weight * level[row, column] / 4
    return out


def test_roi_align_is_that_of_a_loop_over_samples_on_the_level_of_the_box():
    rng = np.random.default_rng(0)
    levels = [rng.normal(size=(2, 64 // 2**k, 96 // 2**k, 3)).astype("float32") for k in range(4)]
    boxes = np.array(
        [
            [[10, 20, 50, 41], [0, 0, 384, 256], [100, 3, 101, 250]],
            [[0, 0, 112, 112], [200, 10, 383, 255], [0, 0, 0, 0]],
        ],
        "float32",
    )
    # sqrt(area) below 112 is level 2, from 112 level 3, from 224 level 4.
    of_box = [[0, 2, 0], [1, 1, 0]]
    found = numpy(roi_align(levels, (4, 8, 16, 32), boxes))
    for image, row in np.ndindex(2, 3):
        level = of_box[image][row]
        expected = pooled_by_loops(levels[level][image], 4 * 2**level, boxes[image, row])
        np.testing.assert_allclose(found[image, row], expected, atol=1e-4)


def test_roi_align_of_a_ramp_gives_the_places_of_the_samples():
    # A map whose value is the pixel at the center of a place: features are where the boxes are.
    ramp = np.broadcast_to((np.arange(16) + 0.5)[None, None, :, None] * 4, (1, 16, 16, 1)).astype("float32")
    found = numpy(roi_align([ramp], (4,), np.array([[[8, 8, 36, 36]]], "float32")))
    np.testing.assert_allclose(found[0, 0, 0, :, 0], 8 + 4 * (np.arange(7) + 0.5), atol=1e-4)
