"""What a detector finds comes back in the images' own pixels, and COCO's metrics are pycocotools' own."""

import json
import sys

import numpy as np
import pytest
from small_sets import BLUE, RED, paint

from dia_keras.detection.data import load
from dia_keras.detection.evaluation import METRICS, Detections, coco_metrics, detect, evaluate_detections


class Finder:
    """A detector of red (0) and blue (1) rectangles in its input; the score of a row falls with its number."""

    def __init__(self):
        self.batches = []

    def predict(self, images, verbose):
        self.batches.append(images.shape)
        boxes, classes = np.full((len(images), 4, 4), -1.0), np.full((len(images), 4), -1)
        number = np.zeros(len(images), int)
        for row, image in enumerate(images):
            for color, channel in enumerate((0, 2)):
                rows, columns = np.nonzero(image[..., channel] > 127)
                if len(rows):
                    edges = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                    boxes[row, number[row]], classes[row, number[row]] = edges, color
                    number[row] += 1
        scores = np.broadcast_to([0.25, 0.75, 0, 0], classes.shape)
        return {"boxes": boxes, "classes": classes, "scores": scores, "num_detections": number}


IMAGES = [
    paint({RED: (8, 4, 40, 20), BLUE: (40, 20, 64, 40)}, 40, 64),
    paint({RED: (4, 12, 8, 60)}, 96, 20),
    paint({}, 10, 10),
]


def test_boxes_come_back_in_the_pixels_of_images_of_any_size_the_surest_first():
    model = Finder()
    found = detect(model, iter(IMAGES), 0.1, image_size=(80, 128), batch_size=2)
    assert model.batches == [(2, 80, 128, 3)] * 2
    assert found[0].classes.tolist() == [1, 0] and found[0].scores.tolist() == [0.75, 0.25]
    np.testing.assert_allclose(found[0].boxes, [[40, 20, 64, 40], [8, 4, 40, 20]], atol=0.01)
    # A pixel of the input is 1.2 pixels of the image.
    np.testing.assert_allclose(found[1].boxes, [[4, 12, 8, 60]], atol=1.2)
    assert found[2].boxes.shape == (0, 4) and found[0].boxes.dtype == np.float32
    assert found[0].classes.dtype == np.int32 and found[0].scores.dtype == np.float32
    assert detect(model, IMAGES[:1], 0.5, image_size=(80, 128))[0].classes.tolist() == [1]
    assert model.batches[-1] == (1, 80, 128, 3)


class Fixed:
    """A detector that gives one box for all images."""

    def __init__(self, *box):
        self.box = box

    def predict(self, images, verbose):
        one = np.ones((len(images), 1))
        return {
            "boxes": np.tile(self.box, (len(images), 1, 1)),
            "classes": one,
            "scores": one,
            "num_detections": one[:, 0],
        }


def test_boxes_are_cut_to_the_image_and_left_out_within_the_border():
    # 10 x 20 pixels in the middle of 40 x 40, of 40 x 20: the image is scaled by 2, between columns 10 and 30.
    image = paint({}, 20, 10)
    (found,) = detect(Fixed(0, 10, 20, 60), [image], image_size=(40, 40))
    assert found.boxes.tolist() == [[0, 5, 5, 20]]
    (found,) = detect(Fixed(0, 10, 9, 30), [image], image_size=(40, 40))
    assert len(found.boxes) == 0
    with pytest.raises(ValueError, match=r"`model` must give boxes and scores that are finite"):
        detect(Fixed(0, 10, np.nan, 30), [image], image_size=(40, 40))
    with pytest.raises(ValueError, match=r"`threshold` must be from 0 to 1\. Received: threshold=2"):
        detect(Fixed(0, 1, 2, 3), [image], 2, image_size=(40, 40))


@pytest.fixture
def many(coco):
    """A set of two images of four boxes each, of two classes."""

    def boxes(content):
        rng = np.random.default_rng(0)
        content["annotations"] = [
            {
                "id": 20 + i,
                "image_id": (7, 3)[i % 2],
                "category_id": (13, 90)[i // 4],
                "bbox": [*rng.uniform(0, 10, 2), *rng.uniform(5, 20, 2)],
                "area": (50, 1500)[i % 2],
                "iscrowd": int(i == 5),
            }
            for i in range(8)
        ]

    return load(coco(boxes), split="train")


def answers(found, noise):
    rng = np.random.default_rng(1)
    return [
        Detections(
            np.clip(record.boxes + rng.normal(0, noise, record.boxes.shape), 0, 40).astype(np.float32),
            record.classes,
            rng.random(len(record.classes)).astype(np.float32),
        )
        for record in found.records
    ]


def test_metrics_are_those_of_pycocotools_from_files(many, tmp_path, capsys):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    detections = answers(many, noise=1.0)
    rows = [
        {
            "image_id": record.image_id,
            "category_id": many.category_ids[number],
            "bbox": [float(x1), float(y1), float(x2) - float(x1), float(y2) - float(y1)],
            "score": float(score),
        }
        for record, found in zip(many.records, detections, strict=True)
        for (x1, y1, x2, y2), number, score in zip(*found, strict=True)
    ]
    (tmp_path / "results.json").write_text(json.dumps(rows))
    truth = COCO(str(tmp_path / "instances_train.json"))
    evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / "results.json")), "bbox")
    # pycocotools takes the first box for none where its id is 0; these begin with 20.
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capsys.readouterr()
    metrics = coco_metrics(many, detections)
    assert tuple(metrics) == METRICS and capsys.readouterr().out == ""
    np.testing.assert_array_equal(list(metrics.values()), evaluation.stats)
    assert 0.1 < metrics["AP"] < 0.9 and metrics["APm"] != metrics["APs"]


def test_perfect_detections_have_a_precision_of_1_and_none_have_0(many):
    perfect = evaluate_detections(many, answers(many, noise=0))
    assert perfect.metrics["AP"] == perfect.metrics["AP50"] == perfect.metrics["AR100"] == 1
    # There are no objects of more than 96 x 96 pixels.
    assert perfect.metrics["APl"] == -1
    assert perfect.per_class == {"sign": 1.0, "brush": 1.0}
    assert perfect.recalls.shape == (101,) and perfect.precisions["0.50"].tolist() == [1.0] * 101
    empty = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, np.float32))
    assert coco_metrics(many, [empty, empty])["AP"] == 0
    noisy = evaluate_detections(many, answers(many, noise=1.0))
    assert np.mean(list(noisy.per_class.values())) == pytest.approx(noisy.metrics["AP"])
    for name, metric in (("0.50", "AP50"), ("0.75", "AP75"), ("0.50:0.95", "AP")):
        assert noisy.precisions[name].mean() == pytest.approx(noisy.metrics[metric])


def test_classes_keep_their_names_where_labels_are_in_another_order(coco, many):
    other = load(coco(), split="train", labels=["brush", "sign"])
    only_signs = [
        Detections(record.boxes[chosen], record.classes[chosen], np.ones(chosen.sum(), np.float32))
        for record in other.records
        for chosen in [record.classes == 1]
    ]
    assert evaluate_detections(other, only_signs).per_class == pytest.approx({"brush": 0, "sign": 1})


def test_detections_that_do_not_belong_to_the_set_are_errors(many):
    first, second = answers(many, noise=0)
    with pytest.raises(ValueError, match=r"one for each of the 2 images\. Received: 1"):
        coco_metrics(many, [first])
    with pytest.raises(ValueError, match=r"classes from 0 to 1\. Received: 0 to 3 for b.png"):
        coco_metrics(many, [first, second._replace(classes=np.array([0, 3, 0, 0]))])
    with pytest.raises(ValueError, match=r"must have integer classes\. Received: float64 for b.png"):
        coco_metrics(many, [first, second._replace(classes=np.array([0.0, 1.0, 0.0, 0.0]))])
    with pytest.raises(ValueError, match=r"scores \(n,\)\. Received: \(\(4, 4\), \(4,\), \(3,\)\) for a.png"):
        coco_metrics(many, [first._replace(scores=first.scores[:3]), second])
    with pytest.raises(ValueError, match=r"must be finite\. Received: NaN or infinity for b.png"):
        coco_metrics(many, [first, second._replace(boxes=second.boxes * np.inf)])


def test_without_pycocotools_the_error_says_what_to_install(many, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ImportError, match=r'pip install "dia_keras\[detection\]"'):
        coco_metrics(many, answers(many, noise=0))
