"""Table 8: detectors are trained, measured by COCO's metrics, and reported as the classifiers are."""

import csv
import dataclasses
import hashlib
import itertools
import json
import math
import os
import pathlib
import shutil
import signal
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image
from small_models import use_small_detectors

from dia_keras.detection import DetectorSettings, FasterRCNN, evaluation, find_detector, speed
from dia_keras.detection.data import load
from dia_keras.detection.evaluation import NotFiniteError
from dia_keras.reproduction import Scale, claims, estimate, read_table, reproduce, write_report
from dia_keras.reproduction.data_sets import Sources
from dia_keras.reproduction.report.page import csv_text
from dia_keras.reproduction.report.summary import Summary, _compare, summarize
from dia_keras.reproduction.trainings import detection_data, detector, training_of
from dia_keras.reproduction.trainings.detection_data import load_detection_data, some_images
from dia_keras.training.runs.divergence import Diverged
from dia_keras.training.runs.epochs_that_fit import EpochClock
from dia_keras.training.runs.interruption import Interrupted

pytestmark = pytest.mark.torch

TABLE = read_table("table8")
NETWORKS = {"ResNet50": "ResNet18", "ResNet101": "ResNet34"}
SMALL = Scale(seeds=1, networks=NETWORKS, image_size=32, is_smoke=True)
BATCHES = {"batch_size": 5}
ROWS = {row.key: row for row in TABLE.rows}


@pytest.fixture(scope="module")
def boxed(tmp_path_factory):
    """A folder of COCO's form, of ten and of six images of a bright square, 32x32."""
    folder = tmp_path_factory.mktemp("boxed")
    random = np.random.default_rng(0)
    for split, number_of_images in (("train2017", 10), ("val2017", 6)):
        (folder / split).mkdir()
        images, annotations = [], []
        for number in range(1, number_of_images + 1):
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
    """Detectors on small backbones."""
    use_small_detectors(monkeypatch)


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
    assert (changed.images, changed.is_smoke, changed.epochs) == (5, False, 3)
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


def test_a_detector_is_trained_measured_kept_and_reported(boxed, small, tmp_path):
    key = "faster_r-cnn_resnet50_coco_dia-lstm"
    progress = reproduce(TABLE, tmp_path, scale=SMALL, sources=boxed, rows=[key], keep_weights=True)
    assert (progress.all, progress.complete) == (1, 1)
    assert not list((tmp_path / "trainings").iterdir()) and not list((tmp_path / "claims").iterdir())
    result = json.loads((tmp_path / "results" / f"{key}-0.json").read_text())
    assert set(result["measures"]) >= {"AP", "AP50", "AP75", "APs", "APm", "APl"}
    assert 0 <= result["measures"]["AP"] <= 100 and result["measures"]["APl"] is None  # no object is large
    data = result["data"]
    assert (data["classes"], data["training_images"], data["test_images"], data["stands_in"]) == (1, 8, 6, True)
    assert len(result["log"]) == 1 and math.isfinite(result["log"][0]["loss"]) and result["exploded"] is None
    model = find_detector(tmp_path / "networks" / f"{key}-0.keras").load()
    assert isinstance(model, FasterRCNN)
    assert result["parameters"] == sum(np.prod(weight.shape) for weight in model.trainable_weights)
    text = write_report(TABLE, tmp_path, SMALL).read_text()
    assert "## Faster R-CNN, ResNet50 on MS COCO\n" in text and "**Other data stand in for MS COCO: " in text
    assert (tmp_path / "table8.png").read_bytes().startswith(b"\x89PNG")


def test_the_measures_are_those_of_the_detector_that_was_trained(boxed, small, tmp_path, monkeypatch):
    """In percent, on the test images, and not a number where there is nothing to find."""
    key, folder = "retinanet_resnet50_coco_org", boxed.of("coco")

    def trains(settings, train, test, directory, budget, *, callbacks, run_eagerly):
        assert [len(images) for images in (train, test)] == [10, 6]
        assert train.fingerprint() == load(folder, split="train2017").fingerprint()
        assert test.fingerprint() == load(folder, split="val2017").fingerprint()
        assert (settings.seed, settings.depth, budget.minutes, len(callbacks)) == (0, 18, 30, 1)
        directory.mkdir()
        (directory / "metrics.json").write_text(json.dumps({name: 0.25 for name in detector.METRICS} | {"APl": -1.0}))
        model = settings.build(len(train.labels), train.labels)
        for weight in model.weights:
            weight.assign(keras.ops.full(weight.shape, 0.5))
        path = directory / "final.weights.h5"
        model.save_weights(path)
        return path

    monkeypatch.setattr(detector, "train_and_evaluate", trains)
    scale = dataclasses.replace(SMALL, is_smoke=False)
    reproduce(TABLE, tmp_path, scale=scale, sources=boxed, rows=[key], keep_weights=True, minutes=30)
    result = json.loads((tmp_path / "results" / f"{key}-0.json").read_text())
    assert result["measures"] == {name: None if name == "APl" else 25.0 for name in detector.METRICS}
    assert result["data"]["sha256"]["training"] != result["data"]["sha256"]["test"]
    kept = find_detector(tmp_path / "networks" / f"{key}-0.keras").load()
    assert all((np.asarray(weight) == 0.5).all() for weight in kept.trainable_weights)
    with (tmp_path / "table8.csv").open("w") as file:
        file.write(csv_text(TABLE, summarize(TABLE, tmp_path, scale)))
    rows = list(csv.DictReader((tmp_path / "table8.csv").read_text().splitlines()))
    assert len({(row["detector"], row["network"], row["data"], row["row"]) for row in rows}) == len(TABLE.rows)


@pytest.mark.parametrize("error", [Diverged("The loss is nan: the training stops. Wait."), NotFiniteError("NaN")])
def test_a_detector_that_explodes_is_a_result(error, boxed, small, tmp_path, monkeypatch):
    def explodes(*arguments, **options):
        raise error

    monkeypatch.setattr(detector, "train_and_evaluate", explodes)
    key = "retinanet_resnet50_coco_org"
    assert reproduce(TABLE, tmp_path, scale=SMALL, sources=boxed, rows=[key]) == (1, 1, 0)
    result = json.loads((tmp_path / "results" / f"{key}-0.json").read_text())
    what = "The loss is nan" if isinstance(error, Diverged) else "The outputs are not finite."
    assert (result["measures"], result["exploded"]) == ({"AP": None}, what)


def test_a_row_without_a_number_is_not_compared():
    rows = TABLE.rows[:5]
    nothing = {0: {"measures": {"AP": math.nan}, "exploded": None}, 1: {"measures": {"AP": math.nan}, "exploded": None}}
    found = {0: {"measures": {"AP": 1.0}, "exploded": None}}
    summaries = [Summary(row, nothing if row.name == "SE" else found) for row in rows]
    _compare(summaries, "AP")
    assert [summary.comparison is None for summary in summaries] == [False, True, False, False, True]


@pytest.mark.parametrize("step", [1, None])
def test_a_training_that_a_signal_stops_goes_on_from_there(step, boxed, small, tmp_path, monkeypatch):
    """Within its epoch, or in the evaluation at its end."""
    scale, key = SMALL, "retinanet_resnet50_coco_org"
    steps: list[int] = []

    class Stops(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            steps.append(batch)
            if len(steps) == step:
                os.kill(os.getpid(), signal.SIGTERM)

        def on_predict_batch_begin(self, batch, logs=None):
            if step is None and not stopped:
                stopped.append(True)
                os.kill(os.getpid(), signal.SIGTERM)

    stopped: list[bool] = []
    monkeypatch.setattr(claims, "Heartbeat", lambda claim: Stops())
    monkeypatch.setattr(evaluation, "_chunks", lambda images, number: ([image] for image in images))
    with pytest.raises(Interrupted):
        reproduce(TABLE, tmp_path, scale=scale, sources=boxed, rows=[key])
    assert not list((tmp_path / "results").iterdir()) and len(steps) == (step or 2)
    assert reproduce(TABLE, tmp_path, scale=scale, sources=boxed, rows=[key]) == (1, 1, 0)
    assert len(steps) == 2 and len(json.loads((tmp_path / "results" / f"{key}-0.json").read_text())["log"]) == 1


def test_a_spent_budget_gives_the_training_back(boxed, small, tmp_path):
    key, scale = "retinanet_resnet50_coco_org", dataclasses.replace(SMALL, is_smoke=False, recipe=BATCHES)
    assert reproduce(TABLE, tmp_path, scale=scale, sources=boxed, rows=[key], minutes=1e-6) == (1, 0, 0)
    assert not list((tmp_path / "results").iterdir()) and not claims.is_held(tmp_path / "claims", f"{key}-0")


def test_the_time_of_a_training_is_measured_by_a_few_steps(boxed, small, monkeypatch):
    trained: list[int] = []

    class Clock(EpochClock):
        def on_train_batch_end(self, batch, logs=None):
            trained.append(batch)

        def on_train_end(self, logs=None):
            super().on_train_end(logs)
            self.steps, self.seconds = [7.0, 3.0], [9.0, 4.0]

    monkeypatch.setattr(speed, "EpochClock", Clock)
    monkeypatch.setattr(detector, "STEPS", 2)
    monkeypatch.setattr(detector, "MEASURED_IMAGES", 1)
    monkeypatch.setattr(detector, "time", SimpleNamespace(monotonic=itertools.count().__next__))
    scale = dataclasses.replace(SMALL, is_smoke=False, epochs=6, recipe={"batch_size": 2})
    found = estimate(TABLE, scale=scale, sources=boxed, rows=["retinanet*"])
    names = [f"RetinaNet, ResNet{depth}, coco" for depth in (50, 101)]
    assert [(each.group, each.trainings, each.epochs, each.measured) for each in found] == [
        (name, 6, 6, "DIA-LSTM") for name in names
    ]
    assert trained == [0, 1] * 4
    # Of 5 steps, 2 took 3 s, and the checkpoint one more; compiling 5 s, and each of six test images one.
    assert found[0].seconds_per_training == pytest.approx(5 + 6 * (4 + 3 * 1.5) + 6)


def test_images_are_chosen_evenly_and_coco_is_known_by_its_numbers(boxed, monkeypatch):
    row = ROWS["retinanet_resnet50_coco_org"]
    whole, part = (training_of(row, 0, Scale(image_size=32, recipe=changes)) for changes in ({}, {"images": 5}))
    data, some = whole.load(boxed, Scale()), part.load(boxed, Scale())
    assert [record.name for record in some.train.records] == [f"{number}.png" for number in (1, 3, 5, 7, 9)]
    assert len(data.train) == 10 and some.test.fingerprint() == data.test.fingerprint() and len(data.test) == 6
    with pytest.raises(ValueError, match=r"`images` must be at most the 10 that there are\. Received: images=11"):
        some_images(data.train, 11)
    assert whole.data_record(data)["stands_in"] and whole.data_key != part.data_key
    monkeypatch.setattr(detection_data, "COCO_CLASSES", 1)
    for images, stands_in in (((10, 6), False), ((10, 7), True), ((11, 6), True)):
        monkeypatch.setattr(detection_data, "COCO_IMAGES", images)
        assert part.data_record(part.load(boxed, Scale()))["stands_in"] == stands_in


def test_two_years_of_coco_and_the_data_of_tfds(boxed, tmp_path, monkeypatch):
    folder = shutil.copytree(boxed.of("coco"), tmp_path / "coco")
    for split in ("train", "val"):
        shutil.copy(folder / f"instances_{split}2017.json", folder / f"instances_{split}2014.json")
    assert len(load_detection_data("coco", Sources({"": str(folder)})).train) == 10
    asked = []

    def load_from(source, **options):
        asked.append((source, options["split"], options.get("labels"), options["data_dir"]))
        return load(boxed.of("coco"), split="val2017")

    monkeypatch.setattr(detection_data, "load", load_from)
    (tmp_path / "tfds" / "coco" / "2017").mkdir(parents=True)
    load_detection_data("coco", Sources({}, str(tmp_path / "tfds")))
    place = str(tmp_path / "tfds")
    assert asked == [("coco/2017", "train", None, place), ("coco/2017", "validation", ("square",), place)]


def test_data_that_tell_nothing_are_errors(boxed, tmp_path):
    folder = pathlib.Path(shutil.copytree(boxed.of("coco"), tmp_path / "coco"))
    path = folder / "instances_val2017.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": []}))
    training = training_of(ROWS["retinanet_resnet50_coco_org"], 0, Scale(image_size=32))
    with pytest.raises(ValueError, match=r"`source` must have a box in its validation split\. Received: "):
        training.load(Sources({"": str(folder)}), Scale())
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"must have the file instances_val2017\.json"):
        training.load(Sources({"": str(folder)}), Scale())


def test_weights_of_the_backbone_are_a_file_for_each_depth_and_known_again(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for depth in (18, 50):
        pathlib.Path(f"resnet{depth}.weights.h5").write_bytes(b"%d" % depth)
    scale = Scale(recipe={"backbone_weights": "resnet{depth}.weights.h5"}, networks={"ResNet50": "ResNet18"})
    training = training_of(ROWS["retinanet_resnet50_coco_org"], 0, scale)
    record = training.record()
    assert training.settings.backbone_weights == "resnet18.weights.h5"
    assert record["detector"]["backbone_sha256"] == hashlib.sha256(b"18").hexdigest()
    assert training.completed(record) == record
    pathlib.Path("resnet18.weights.h5").write_bytes(b"other")
    assert training.completed(record) == record != training.record()
    with pytest.raises(
        ValueError, match=r"must be a file or an entry of the zoo\. Received: .*'resnet101\.weights\.h5'"
    ):
        training_of(ROWS["retinanet_resnet101_coco_org"], 0, scale)
    with pytest.raises(ValueError, match=r"`backbone_weights` must be a name or a path\. Received: backbone_weights=1"):
        training_of(ROWS["retinanet_resnet50_coco_org"], 0, Scale(recipe={"backbone_weights": 1}))
