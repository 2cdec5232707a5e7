"""Table 8: detectors are trained, measured by COCO's metrics, and reported as the classifiers are."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
from PIL import Image

from dia_keras.backbones import imagenet_resnets
from dia_keras.detection import DetectorSettings, FasterRCNN, find_detector
from dia_keras.detection.models import faster_rcnn
from dia_keras.reproduction import Scale, claims, estimate, read_table, reproduce, write_report
from dia_keras.reproduction.data_sets import Sources
from dia_keras.reproduction.trainings import detector, training_of
from dia_keras.reproduction.trainings.detection_data import COCO_IMAGES, is_coco, some_images
from dia_keras.training.runs.divergence import Diverged

TABLE = read_table("table8")
NETWORKS = {"ResNet50": "ResNet18", "ResNet101": "ResNet34"}
SMALL = Scale(seeds=1, networks=NETWORKS, image_size=32, is_smoke=True)
ROWS = {row.key: row for row in TABLE.rows}


@pytest.fixture(scope="module")
def boxed(tmp_path_factory):
    """A folder of COCO's form, of ten images of a bright square, 32x32, in each split."""
    folder = tmp_path_factory.mktemp("boxed")
    random = np.random.default_rng(0)
    for split in ("train2017", "val2017"):
        (folder / split).mkdir()
        images, annotations = [], []
        for number in range(1, 11):
            x, y = random.integers(0, 16, 2).tolist()
            pixels = random.integers(0, 100, (32, 32, 3), np.uint8)
            pixels[y : y + 16, x : x + 16] = 255
            Image.fromarray(pixels).save(folder / split / f"{number}.png")
            images.append({"id": number, "file_name": f"{number}.png", "width": 32, "height": 32})
            box = {"bbox": [x, y, 16, 16], "area": 256, "iscrowd": 0}
            annotations.append({"id": number, "image_id": number, "category_id": 1, **box})
        content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "square"}]}
        (folder / f"instances_{split}.json").write_text(json.dumps(content))
    return Sources({"coco": str(folder)})


@pytest.fixture
def small(monkeypatch):
    """Networks of one block a stage, and few units."""
    monkeypatch.setitem(imagenet_resnets.BLOCKS, 18, (1, 1, 1, 1))
    monkeypatch.setattr(faster_rcnn, "UNITS", 16)


def test_the_trainings_are_those_of_the_papers_detectors():
    row = ROWS["faster_r-cnn_resnet101_coco_dia-lstm_light"]
    assert training_of(row, 3, Scale()).settings == DetectorSettings(
        "faster-rcnn", 101, "dia_lstm_light", (800, 1344), epochs=12, batch_size=16, seed=3
    )
    attentions = {row.name: training_of(row, 0, Scale()).settings.attention for row in TABLE.rows}
    assert list(attentions.values()) == [None, "se", "eca", "sge", "dia_lstm", "dia_lstm_light"]
    scale = Scale(epochs=3, image_size=128, networks=NETWORKS, recipe={"batch_size": 4, "images": 5})
    changed = training_of(ROWS["retinanet_resnet50_coco_org"], 0, scale)
    assert changed.settings == DetectorSettings("retinanet", 18, None, (128, 128), epochs=3, batch_size=4)
    assert (changed.images, changed.test_images, changed.epochs) == (5, None, 3)
    with pytest.raises(ValueError, match=r"ResNet50 or ResNet101 in a detector\. Received: ResNet50=ResNet20-basic"):
        training_of(ROWS["retinanet_resnet50_coco_org"], 0, Scale(networks={"ResNet50": "ResNet20-basic"}))
    with pytest.raises(ValueError, match=r"`images` must be a positive integer"):
        training_of(ROWS["retinanet_resnet50_coco_org"], 0, Scale(recipe={"images": 0}))


def test_a_record_is_read_with_the_defaults_of_what_came_later():
    training = training_of(ROWS["retinanet_resnet50_coco_se"], 0, Scale(image_size=64))
    record = training.record()
    assert training.completed(record) == record
    del record["detector"]["clip_norm"]
    assert training.completed(record) == training.record()
    assert training.completed({"backbone": "resnet"}) is None and training.completed(None) is None
    assert training.completed({"detector": {**record["detector"], "depth": 19}}) is None


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of the state, in stages of one block
def test_a_detector_is_trained_measured_kept_and_reported(boxed, small, tmp_path):
    key = "faster_r-cnn_resnet50_coco_dia-lstm"
    progress = reproduce(TABLE, tmp_path, scale=SMALL, sources=boxed, rows=[key], keep_weights=True)
    assert (progress.all, progress.complete) == (1, 1)
    assert not list((tmp_path / "trainings").iterdir()) and not list((tmp_path / "claims").iterdir())
    result = json.loads((tmp_path / "results" / f"{key}-0.json").read_text())
    assert set(result["measures"]) >= {"AP", "AP50", "AP75", "APs", "APm", "APl"}
    assert 0 <= result["measures"]["AP"] <= 100 and result["measures"]["APl"] is None  # no object is large
    data = result["data"]
    assert (data["classes"], data["training_images"], data["test_images"], data["stands_in"]) == (1, 8, 8, True)
    assert len(result["log"]) == 1 and math.isfinite(result["log"][0]["loss"]) and result["exploded"] is None
    model = find_detector(tmp_path / "networks" / f"{key}-0.keras").load()
    assert isinstance(model, FasterRCNN)
    assert result["parameters"] == sum(np.prod(weight.shape) for weight in model.trainable_weights)
    text = write_report(TABLE, tmp_path, SMALL).read_text()
    assert "## Faster R-CNN, ResNet50 on MS COCO\n" in text and "**Other data stand in for MS COCO: " in text
    assert (tmp_path / "table8.png").read_bytes().startswith(b"\x89PNG")


def test_the_measures_are_those_of_the_detector_that_was_trained(boxed, small, tmp_path, monkeypatch):
    """In percent, and not a number where there is nothing to find."""

    def trains(settings, source, directory, *, validation, minutes, callbacks, run_eagerly):
        assert (len(source), len(validation), minutes, len(callbacks)) == (8, 8, None, 1)
        directory.mkdir()
        (directory / "metrics.json").write_text(json.dumps({name: 0.25 for name in detector.METRICS} | {"APl": -1.0}))
        model = settings.build(len(source.labels), source.labels)
        for weight in model.weights:
            weight.assign(keras.ops.full(weight.shape, 0.5))
        path = directory / "final.weights.h5"
        model.save_weights(path)
        return path

    monkeypatch.setattr(detector, "train_detector", trains)
    key = "retinanet_resnet50_coco_org"
    reproduce(TABLE, tmp_path, scale=SMALL, sources=boxed, rows=[key], keep_weights=True)
    measures = json.loads((tmp_path / "results" / f"{key}-0.json").read_text())["measures"]
    assert measures == {name: None if name == "APl" else 25.0 for name in detector.METRICS}
    kept = find_detector(tmp_path / "networks" / f"{key}-0.keras").load()
    assert all((np.asarray(weight) == 0.5).all() for weight in kept.trainable_weights)


def test_a_detector_that_explodes_is_a_result(boxed, small, tmp_path, monkeypatch):
    def explodes(*arguments, **options):
        raise Diverged("The loss is nan at step 1 of epoch 1: the training stops. It has no checkpoint yet.")

    monkeypatch.setattr(detector, "train_detector", explodes)
    key = "retinanet_resnet50_coco_org"
    assert reproduce(TABLE, tmp_path, scale=SMALL, sources=boxed, rows=[key]) == (1, 1, 0)
    result = json.loads((tmp_path / "results" / f"{key}-0.json").read_text())
    assert (result["measures"], result["exploded"]) == ({"AP": None}, "The loss is nan at step 1 of epoch 1")


def test_a_spent_budget_gives_the_training_back(boxed, small, tmp_path):
    key = "retinanet_resnet50_coco_org"
    assert reproduce(TABLE, tmp_path, scale=SMALL, sources=boxed, rows=[key], minutes=1e-6) == (1, 0, 0)
    assert not list((tmp_path / "results").iterdir()) and not claims.is_held(tmp_path / "claims", f"{key}-0")


def test_the_time_of_a_training_is_estimated(boxed, small, monkeypatch):
    monkeypatch.setattr(detector, "_seconds", lambda call, *arguments, **options: 2.0)
    scale = dataclasses.replace(SMALL, is_smoke=False, epochs=5, recipe={"batch_size": 2})
    (found,) = estimate(TABLE, scale=scale, sources=boxed, rows=["retinanet_resnet50*"])
    assert (found.group, found.trainings, found.epochs, found.measured) == (
        "RetinaNet, ResNet50, coco",
        6,
        5,
        "DIA-LSTM",
    )
    assert found.seconds_per_training == pytest.approx(5 * 5 * 2 + 10 * 2 / 8)


def test_images_are_chosen_evenly_and_coco_is_known_by_its_numbers(boxed):
    train = training_of(ROWS["retinanet_resnet50_coco_org"], 0, Scale(image_size=32)).load(boxed, Scale()).train
    assert [record.name for record in some_images(train, 5).records] == [f"{number}.png" for number in (1, 3, 5, 7, 9)]
    assert some_images(train, None) is train
    with pytest.raises(ValueError, match=r"`images` must be at most the 10 that there are\. Received: images=11"):
        some_images(train, 11)
    labels = tuple(map(str, range(80)))
    whole = dataclasses.replace(train, labels=labels, records=train.records[:1] * COCO_IMAGES)
    assert is_coco(whole) and not is_coco(dataclasses.replace(whole, records=whole.records[1:]))
    assert not is_coco(dataclasses.replace(whole, labels=labels[1:]))
