"""RetinaNet and Faster R-CNN: training, answers and saving."""

import keras
import numpy as np
import pytest
from keras import ops
from small_models import BOX, build_small, example_batch

from dia_keras.detection import FasterRCNN, RetinaNet
from dia_keras.detection.evaluation import detect
from dia_keras.detection.models import retinanet
from dia_keras.detection.models.boxes import encode_boxes

SMALL_STAGES = {"proposals": 20, "regions": 16}


@pytest.fixture
def example():
    return example_batch()


def compiled(detector, rate=0.02):
    """Compiled for a few steps; JAX alone is slow without compiling."""
    detector.compile(keras.optimizers.SGD(rate, 0.9, global_clipnorm=5.0), run_eagerly=keras.backend.backend() != "jax")
    return detector


@pytest.mark.parametrize(
    ("make", "settings", "parts"),
    [
        (RetinaNet, {}, {"class_loss", "box_loss"}),
        (FasterRCNN, SMALL_STAGES, {"proposal_class_loss", "proposal_box_loss", "class_loss", "box_loss"}),
    ],
)
def test_a_few_steps_lower_the_loss_and_a_saved_detector_answers_alike(make, settings, parts, example, tmp_path):
    images, targets = example
    detector = compiled(build_small(make, score_threshold=0.0, max_detections=7, **settings))
    history = detector.fit(images, targets, batch_size=2, epochs=4, verbose=0).history
    assert set(history) == {"loss", *parts}
    assert history["loss"][-1] < history["loss"][0]
    assert set(detector.evaluate(images, targets, verbose=0, return_dict=True)) == {"loss", *parts}

    answers = detector.predict(images, verbose=0)
    shapes = {name: value.shape for name, value in answers.items()}
    assert shapes == {"boxes": (2, 7, 4), "classes": (2, 7), "scores": (2, 7), "num_detections": (2,)}
    number = answers["num_detections"][0]
    assert number > 0 and (answers["boxes"][0, :number] >= 0).all() and (answers["boxes"] <= 64).all()
    assert (np.diff(answers["scores"][0]) <= 0).all()

    detector.save(tmp_path / "detector.keras")
    detector.save_weights(tmp_path / "detector.weights.h5")
    other = build_small(type(detector), score_threshold=0.0, max_detections=7, **settings)
    other.load_weights(tmp_path / "detector.weights.h5")
    for again in (keras.models.load_model(tmp_path / "detector.keras", compile=False), other):
        assert again.get_config() | {"name": ""} == detector.get_config() | {"name": ""}
        for name, value in again.predictor()(images).items():  # not compiled
            np.testing.assert_allclose(ops.convert_to_numpy(value), answers[name], atol=1e-3, err_msg=name)


def test_images_without_boxes_have_losses_that_are_finite(example):
    images, targets = example
    nothing = {"boxes": np.full_like(targets["boxes"], -1), "classes": np.full_like(targets["classes"], -1)}
    for make, settings in ((RetinaNet, {}), (FasterRCNN, SMALL_STAGES)):
        detector = build_small(make, **settings)
        found = detector.losses_of(nothing, detector(images))
        losses = {name: float(ops.convert_to_numpy(value)) for name, value in found.items()}
        assert np.isfinite(list(losses.values())).all()
        assert losses["box_loss"] == 0 and losses["class_loss"] > 0


def test_what_layers_add_to_the_loss_counts(example):
    """As the penalty of SPEM and regularizers of a backbone do."""
    images, targets = example
    detector = build_small(RetinaNet)
    outputs = detector(images)
    before = float(ops.convert_to_numpy(detector.compute_loss(images, targets, outputs)))
    weight = detector.trainable_variables[0]
    weight.regularizer = keras.regularizers.L2(0.5)
    added = 0.5 * np.square(ops.convert_to_numpy(weight)).sum()
    after = float(ops.convert_to_numpy(detector.compute_loss(images, targets, outputs)))
    assert added > 0 and after - before == pytest.approx(added, rel=1e-4)


def test_losses_of_retinanet_are_normalized_by_the_positive_anchors(example):
    _, targets = example
    detector = build_small(RetinaNet)
    boxes = np.broadcast_to(detector.anchors, (2, *detector.anchors.shape))
    outputs = {"class_logits": ops.zeros((2, boxes.shape[1], 3)), "box_codes": ops.zeros(boxes.shape)}
    x1, y1, x2, y2 = detector.anchors.T.astype("float64")
    shared = np.maximum(np.minimum(x2, 44) - np.maximum(x1, 8), 0) * np.maximum(
        np.minimum(y2, 40) - np.maximum(y1, 10), 0
    )
    iou = shared / ((x2 - x1) * (y2 - y1) + 36 * 30 - shared)
    positive = (iou >= 0.5) | (iou == iou.max())
    in_crowd = np.maximum(np.minimum(x2, 64) - np.maximum(x1, 50), 0) * np.maximum(
        np.minimum(y2, 64) - np.maximum(y1, 50), 0
    ) >= 0.5 * (x2 - x1) * (y2 - y1)
    negative = (iou < 0.4) & ~positive & ~in_crowd
    # Logits of 0 are probabilities of a half: log 2, times a quarter for gamma, times alpha or 1 - alpha.
    one = np.log(2) / 4
    focal = positive.sum() * one * (0.25 + 2 * 0.75) + negative.sum() * one * 3 * 0.75
    found = detector.losses_of(targets, outputs)
    assert float(found["class_loss"]) == pytest.approx(focal / positive.sum(), rel=1e-4)
    d = np.abs(
        [
            (26 - (x1 + x2) / 2) / (x2 - x1),
            (25 - (y1 + y2) / 2) / (y2 - y1),
            np.log(36 / (x2 - x1)),
            np.log(30 / (y2 - y1)),
        ]
    )
    moved = np.where(d < 1 / 9, 4.5 * d**2, d - 1 / 18).sum(0)
    assert float(found["box_loss"]) == pytest.approx(moved[positive].mean(), rel=1e-4)


def test_retinanet_gives_the_box_that_its_outputs_name():
    detector = build_small(RetinaNet, score_threshold=0.3)
    number = len(detector.anchors)
    logits, codes = np.full((1, number, 3), -9.0, "float32"), np.zeros((1, number, 4), "float32")
    logits[0, 17, 2] = 3.0
    codes[0, 17] = ops.convert_to_numpy(encode_boxes(np.array([BOX], "float32"), detector.anchors[17:18]))[0]
    outputs = {"class_logits": ops.convert_to_tensor(logits), "box_codes": ops.convert_to_tensor(codes)}
    found = {name: ops.convert_to_numpy(value)[0] for name, value in detector.decode(outputs).items()}
    assert found["num_detections"] == 1 and found["classes"][0] == 2
    np.testing.assert_allclose(found["boxes"][0], BOX, atol=1e-3)
    assert found["scores"][0] == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-5)


def two_stages(monkeypatch, proposed, **settings):
    """A Faster R-CNN whose first stage proposes these boxes, `(n, 4)`, and its raw outputs, of zeros."""
    detector = build_small(FasterRCNN, **SMALL_STAGES | settings)
    given = ops.convert_to_tensor(np.array([proposed], "float32"))
    monkeypatch.setattr(detector, "generate_proposals", lambda outputs: (given, ops.ones(given.shape[:2], "bool")))
    number = len(detector.anchors)
    return detector, {"objectness": ops.zeros((1, number)), "box_codes": ops.zeros((1, number, 4))}


def test_faster_rcnn_gives_the_box_that_its_second_stage_names(monkeypatch):
    regions = [(0, 0, 20, 20), (10, 12, 50, 36)]
    detector, outputs = two_stages(monkeypatch, regions, score_threshold=0.3)
    logits, codes = np.zeros((1, 2, 4), "float32"), np.full((1, 2, 3, 4), 0.7, "float32")
    logits[0, 0, 3] = 20.0  # background
    logits[0, 1, 2] = 3.0
    # By hand, from the region of 40 x 24 about (30, 24) to BOX, of 36 x 30 about (26, 25).
    codes[0, 1, 2] = 10 * -4 / 40, 10 * 1 / 24, 5 * np.log(36 / 40), 5 * np.log(30 / 24)
    monkeypatch.setattr(detector, "region_outputs", lambda *_: tuple(map(ops.convert_to_tensor, (logits, codes))))
    found = {name: ops.convert_to_numpy(value)[0] for name, value in detector.decode(outputs).items()}
    assert found["num_detections"] == 1 and found["classes"][0] == 2
    np.testing.assert_allclose(found["boxes"][0], BOX, atol=1e-3)
    assert found["scores"][0] == pytest.approx(np.exp(3) / (np.exp(3) + 3), abs=1e-5)


def test_losses_of_faster_rcnn_are_means_of_the_sampled_anchors_and_regions(monkeypatch):
    shifted, far = (10, 10, 46, 40), (0, 50, 10, 60)
    detector, outputs = two_stages(monkeypatch, [shifted, *[far] * 7], regions=64)

    def nothing(outputs, boxes):
        return ops.zeros((1, boxes.shape[1], 4)), ops.zeros((1, boxes.shape[1], 3, 4))

    monkeypatch.setattr(detector, "region_outputs", nothing)
    targets = {"boxes": np.array([[BOX, (-1, -1, -1, -1)]], "float32"), "classes": np.array([[1, -1]])}
    found = {name: float(value) for name, value in detector.losses_of(targets, outputs).items()}
    assert found["proposal_class_loss"] == pytest.approx(np.log(2), rel=1e-5)
    assert found["class_loss"] == pytest.approx(np.log(4), rel=1e-5)
    # Nine regions count: the object itself, whose code is zero, the shifted one, 2 of 36 pixels off, and the far ones.
    assert found["box_loss"] == pytest.approx(0.5 * (10 * 2 / 36) ** 2 / 9, rel=1e-4)
    x1, y1, x2, y2 = detector.anchors.T.astype("float64")
    shared = np.maximum(np.minimum(x2, 44) - np.maximum(x1, 8), 0) * np.maximum(
        np.minimum(y2, 40) - np.maximum(y1, 10), 0
    )
    iou = shared / ((x2 - x1) * (y2 - y1) + 36 * 30 - shared)
    positive = (iou >= 0.7) | (iou == iou.max())
    width, height = x2 - x1, y2 - y1
    moves = (26 - (x1 + x2) / 2) / width, (25 - (y1 + y2) / 2) / height, np.log(36 / width), np.log(30 / height)
    d = np.abs(moves)
    moved = np.where(d < 1 / 9, 4.5 * d**2, d - 1 / 18).sum(0)
    assert 0 < positive.sum() < 128 and found["proposal_box_loss"] == pytest.approx(
        moved[positive].sum() / 256, rel=1e-4
    )


def test_retinanet_takes_the_best_candidates_of_each_level(monkeypatch):
    monkeypatch.setattr(retinanet, "CANDIDATES", 2)
    detector = build_small(RetinaNet, score_threshold=0.0)
    # By hand: (row of an anchor, class, logit, box). P3 has 8 x 8 places of nine anchors, and then comes P4.
    wanted = {
        "surest": (0, 1, 5.0, (0, 0, 20, 20)),
        "second": (40, 2, 4.0, (0, 0, 20, 20)),  # of another class
        "third of its level": (80, 0, 3.0, (40, 40, 60, 60)),
        "falls to the surest": (576, 1, 2.0, (0, 0, 20, 21)),
        "best of P4 that stays": (600, 1, 1.0, (30, 0, 50, 20)),
        "third of P4": (610, 1, 0.5, (0, 40, 20, 60)),
    }
    number = len(detector.anchors)
    logits, codes = np.full((1, number, 3), -200.0, "float32"), np.zeros((1, number, 4), "float32")
    for row, label, logit, box in wanted.values():
        logits[0, row, label] = logit
        codes[0, row] = ops.convert_to_numpy(encode_boxes(np.array([box], "float32"), detector.anchors[row][None]))[0]
    outputs = {"class_logits": ops.convert_to_tensor(logits), "box_codes": ops.convert_to_tensor(codes)}
    found = {name: ops.convert_to_numpy(value)[0] for name, value in detector.decode(outputs).items()}
    stay = [wanted[name] for name in ("surest", "second", "best of P4 that stays")]
    assert found["num_detections"] == 3 and found["classes"][:3].tolist() == [label for _, label, _, _ in stay]
    np.testing.assert_allclose(found["boxes"][:3], [box for *_, box in stay], atol=1e-3)
    np.testing.assert_allclose(found["scores"][:3], [1 / (1 + np.exp(-logit)) for _, _, logit, _ in stay], atol=1e-5)


def test_a_threshold_below_the_detectors_own_gives_more_answers(example):
    detector = build_small(RetinaNet, score_threshold=0.5, max_detections=7)
    (image, _), _ = example
    few, all_of_them = (detect(detector, [image], each, image_size=(64, 64))[0] for each in (0.5, 0.001))
    assert len(few.scores) == 0 and len(all_of_them.scores) == 7 and (all_of_them.scores < 0.5).all()
    assert detector.predict(image[None], verbose=0)["num_detections"] == 0
    with pytest.raises(ValueError, match="`score_threshold` must be"):
        detector.predictor(1.0)
    with pytest.raises(ValueError, match=r"`image_size` must be that of the detector, \(64, 64\)"):
        detect(detector, [image], image_size=(32, 64))
    with pytest.raises(ValueError, match=r"`threshold` must be from 0 to 1\. Received: threshold='0\.3'"):
        detect(detector, [image], "0.3", image_size=(64, 64))


def test_the_number_of_proposals_may_change_and_a_frozen_backbone_stays_frozen(example):
    detector = build_small(FasterRCNN, score_threshold=0.0, **SMALL_STAGES)
    (image, _), _ = example
    before = detector.predict(image[None], verbose=0)["num_detections"]
    detector.proposals, detector.backbone.trainable = 2, False
    after = detector.predict(image[None], verbose=0)["num_detections"]
    assert after < before
    again = FasterRCNN.from_config(detector.get_config())
    assert len(again.trainable_variables) == len(detector.trainable_variables) < len(again.variables)
    again.backbone.trainable = True
    assert len(again.trainable_variables) > len(detector.trainable_variables)


def test_faster_rcnn_proposes_the_surest_boxes_of_all_levels():
    detector = build_small(FasterRCNN, **SMALL_STAGES)
    number = len(detector.anchors)
    objectness, codes = np.full((1, number), -5.0, "float32"), np.zeros((1, number, 4), "float32")
    wanted = {5: BOX, number - 1: (0.0, 0.0, 64.0, 64.0), 6: (8.0, 10.0, 44.0, 41.0)}  # the last falls to the first
    for score, (row, box) in enumerate(wanted.items()):
        objectness[0, row] = 9.0 - score
        codes[0, row] = ops.convert_to_numpy(encode_boxes(np.array([box], "float32"), detector.anchors[row][None]))[0]
    outputs = {"objectness": ops.convert_to_tensor(objectness), "box_codes": ops.convert_to_tensor(codes)}
    boxes, counts = map(ops.convert_to_numpy, detector.generate_proposals(outputs))
    assert boxes.shape == (1, 20, 4) and counts[0, :2].all()
    np.testing.assert_allclose(boxes[0, :2], [BOX, (0, 0, 64, 64)], atol=1e-3)
    assert not np.isclose(boxes[0][counts[0]], wanted[6], atol=0.1).all(-1).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": (64, 60)}, "`image_size` must be multiples of 32"),
        ({"attention": "se", "attention_config": 5}, "`attention_config` must be a dictionary. Received: .*=5"),
        ({"attention": "none"}, "`attention` must be None or one of"),
        ({"score_threshold": 1.5}, "`score_threshold` must be"),
        ({"anchor_scale": 0.0}, "`anchor_scale` must be positive"),
        ({"num_classes": 0}, "`num_classes` must be"),
        ({"depth": 19}, "`depth` must be one of"),
        ({"freeze_norms": 1}, "`freeze_norms` must be a bool"),
        ({"labels": ("ant", "bee")}, "`labels` must be the names of the 3 classes"),
    ],
)
def test_arguments_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        RetinaNet(**{"depth": 18, "num_classes": 3, "image_size": (64, 64), **settings})
