"""Training a detector in a folder, and finding it there."""

import json
import os
import signal
import sys
import zipfile

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from small_models import use_small_detectors
from small_sets import RED, paint

from dia_keras import detection
from dia_keras.cli import console, main
from dia_keras.detection import (
    DetectorSettings,
    RetinaNet,
    find_detector,
    train_detector,
    training,
)
from dia_keras.detection.finding import is_detector
from dia_keras.detection.settings import WarmUpAndDrops
from dia_keras.training.runs.budget import WallClockBudget
from dia_keras.training.runs.interruption import Interrupted
from dia_keras.zoo.finding import find_network

SMALL = {"depth": 18, "image_size": (32, 32), "epochs": 2, "batch_size": 1, "max_boxes": 4}


@pytest.fixture
def small_detectors(monkeypatch):
    use_small_detectors(monkeypatch)


class StopsAfter(WallClockBudget):
    """A budget of three steps."""

    def on_train_batch_end(self, batch, logs=None):
        self.steps = getattr(self, "steps", 0) + 1
        self.stopped = self.steps >= 3


def test_a_faster_rcnn_that_was_stopped_within_an_epoch_ends_in_the_same_weights(
    coco, tmp_path, monkeypatch, small_detectors
):
    data, options = coco(), {"proposals": 8, "regions": 4}
    chosen = DetectorSettings(model="faster-rcnn", options=options, **SMALL)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_detector(chosen, data, whole)
    monkeypatch.setattr(training, "WallClockBudget", StopsAfter)
    assert train_detector(chosen, data, parts) is None
    monkeypatch.setattr(training, "WallClockBudget", WallClockBudget)
    assert train_detector(chosen, data, parts) == parts / "final.weights.h5"
    first, second = (find_detector(folder).load() for folder in (whole, parts))
    assert first.labels == ("sign", "brush")
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6, err_msg=a.path)


def test_a_run_that_was_stopped_within_an_epoch_ends_in_the_same_weights(coco, tmp_path, monkeypatch, small_detectors):
    data = coco()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    chosen = DetectorSettings(options={"score_threshold": 0.5}, **SMALL)
    detect, thresholds = training.detect, []

    def seen(detector, images, threshold, **others):
        thresholds.append(threshold)
        return detect(detector, images, threshold, **others)

    monkeypatch.setattr(training, "detect", seen)
    weights = train_detector(chosen, data, whole, validation="train")
    assert thresholds == [0.05]  # COCO's metrics are of all answers, whatever the detector's own threshold
    monkeypatch.setattr(training, "WallClockBudget", StopsAfter)
    assert train_detector(chosen, data, parts) is None
    assert [path.name for path in sorted(parts.glob("epoch*"))] == ["epoch_1.weights.h5", "epoch_1_step_1.weights.h5"]
    so_far = find_detector(parts).load().get_weights()
    newest = parts / "epoch_1_step_1.weights.h5"
    whole_bytes = newest.read_bytes()
    newest.write_bytes(whole_bytes[:-1] + b"x")  # damaged: the one before is taken
    before = find_detector(parts).load().get_weights()
    assert any(np.abs(a - b).max() > 0 for a, b in zip(so_far, before, strict=True))
    newest.write_bytes(whole_bytes)
    monkeypatch.setattr(training, "WallClockBudget", WallClockBudget)
    assert train_detector(chosen, data, parts) == parts / "final.weights.h5"
    first, second = (find_detector(folder).load().get_weights() for folder in (whole, parts))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)

    assert weights == whole / "final.weights.h5"
    assert set(json.loads((whole / "metrics.json").read_text())) >= {"AP", "AP50", "ARl"}
    for picture in ("curves.png", "precision_recall.png"):
        assert (whole / picture).stat().st_size > 1000
    assert {"command", "device", "keras", "minutes"} <= json.loads((whole / "run.json").read_text()).keys()
    log = (whole / "log.csv").read_text().splitlines()
    assert log[0].startswith("epoch,box_loss,class_loss,loss") and len(log) == 3
    found = find_detector(whole)
    assert found.image_size == (32, 32)
    assert found.labels == tuple(json.loads((whole / "card.json").read_text())["labels"])
    (answer,) = detection.detect(found.load(), [paint({RED: (4, 6, 14, 14)})], 0.0)
    with pytest.raises(ValueError, match=r"\(batch, 32, 32, 3\).*`dia_keras\.detection\.detect` takes other sizes"):
        found.load().predict(np.zeros((1, 64, 64, 3), "uint8"), verbose=0)
    with pytest.raises(ValueError, match="`image_size` must be given for a model that is no detector"):
        detection.detect(keras.Sequential(), [])
    with pytest.raises(ValueError, match=r"must be a network that classifies.*`dia-keras detect`.*the run of"):
        find_network(whole)
    assert len(answer.boxes) == len(answer.scores) <= 100
    with pytest.raises(ValueError, match=r"same settings.*differ in epochs"):
        train_detector(DetectorSettings(**{**SMALL, "epochs": 3}), data, whole)


def test_a_validation_set_that_cannot_be_used_is_an_error_before_the_training(coco, tmp_path, monkeypatch):
    data, chosen = coco(), DetectorSettings(**SMALL)
    train = detection.data.load(data, split="train")
    swapped = detection.data.load(data, split="train", labels=train.labels[::-1])
    with pytest.raises(ValueError, match=r"`validation` must have the labels.*Received: brush, sign instead of sign"):
        train_detector(chosen, train, tmp_path / "run", validation=swapped)
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ImportError, match=r'pip install "dia_keras\[detection\]"'):
        train_detector(chosen, train, tmp_path / "run", validation=train)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("heeded_ctrl_c")
def test_ctrl_c_stops_the_evaluation_after_the_training(coco, tmp_path, monkeypatch, small_detectors):
    monkeypatch.setattr(training, "_fit", lambda *_: True)
    monkeypatch.setattr(training, "plot_losses", lambda *_: None)

    def interrupted(detector, images, *_, **__):
        next(images)
        os.kill(os.getpid(), signal.SIGINT)
        next(images)

    monkeypatch.setattr(training, "detect", interrupted)
    with pytest.raises(Interrupted):
        train_detector(DetectorSettings(**SMALL), coco(), tmp_path / "run", validation="train")
    assert (tmp_path / "run" / "final.weights.h5").is_file()
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_the_command_trains_and_shows_the_metrics(coco, tmp_path, small_detectors):
    console.width = 200
    arguments = ["--depth", "18", "--size", "32", "--epochs", "1", "--batch-size", "2", "--val-split", "train"]
    arguments += ["--set", "anchor_scale=2.5"]
    out = tmp_path / "run"
    result = CliRunner().invoke(main, ["train-detector", str(coco()), *arguments, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "AP50" in result.output and "final.weights.h5" in result.output
    assert find_detector(out).load().anchor_scale == 2.5
    result = CliRunner().invoke(main, ["train-detector", str(tmp_path), "--size", "x", "--out", str(out)])
    assert result.exit_code == 1 and "`--size` must be" in result.output.replace("\n", " ")


@pytest.mark.parametrize("name", ["regions", "depth", "anchor"])
def test_options_that_the_detector_does_not_have_are_one_error(name, tmp_path):
    with pytest.raises(ValueError, match=rf"`options` must be other arguments of retinanet: anchor_scale.*'{name}'"):
        DetectorSettings(options={name: 1})
    result = CliRunner().invoke(main, ["train-detector", "x", "--set", f"{name}=1", "--out", str(tmp_path / "run")])
    assert result.exit_code == 1 and "`--set` must be" in result.output.replace("\n", " ")
    assert not (tmp_path / "run").exists()


def test_damaged_weights_of_a_run_are_one_error(coco, tmp_path, small_detectors):
    folder = tmp_path / "run"
    train_detector(DetectorSettings(**{**SMALL, "epochs": 1}), coco(), folder)
    path = folder / "final.weights.h5"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(
        ValueError, match=r"`weights` must be a sound HDF5 file: .* Received: weights=.*final.weights.h5"
    ):
        find_detector(folder).load()


def test_a_start_that_fails_leaves_nothing(coco, tmp_path, monkeypatch, small_detectors):
    def fail(*arguments):
        raise ValueError("no step")

    monkeypatch.setattr(training, "_fit", fail)
    with pytest.raises(ValueError, match="no step"):
        train_detector(DetectorSettings(**SMALL), coco(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("code", [3, 130, 143])
def test_the_exit_code_tells_why_the_command_ended(code, tmp_path, monkeypatch):
    def train(*arguments, **options):
        if code > 3:
            raise Interrupted("Stopped.", code - 128)

    monkeypatch.setattr(detection, "train_detector", train)
    result = CliRunner().invoke(main, ["train-detector", "coco", "--out", str(tmp_path / "run")])
    assert result.exit_code == code
    assert ("The budget is spent. Run the same command again" if code == 3 else "Stopped.") in result.output


def test_the_rate_rises_and_falls_twice():
    schedule = WarmUpAndDrops(0.2, 10, [80, 110])
    rates = [float(schedule(step)) for step in (0, 5, 10, 79, 80, 110)]
    np.testing.assert_allclose(rates, [0.0002, 0.1002, 0.2, 0.2, 0.02, 0.002], rtol=1e-4)
    optimizer = DetectorSettings(model="faster-rcnn", batch_size=8, warmup_steps=0).optimizer(100)
    assert float(optimizer.learning_rate) == pytest.approx(0.01)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "yolo"}, "`model` must be one of retinanet, faster-rcnn"),
        ({"model": ["retinanet"]}, "`model` must be one of retinanet, faster-rcnn"),
        ({"depth": [50]}, "`depth` must be one of 18, 34, 50, 101"),
        ({"attention": ["se"]}, "`attention` must be None or one of"),
        ({"options": None}, "`options` must be a dict of arguments"),
        ({"seed": 2**32}, "`seed` must be an integer from 0 to 4294967295"),
        ({"clip_norm": None}, "`clip_norm` must be positive"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"learning_rate": 0.0}, "`learning_rate` must be positive"),
        ({"weight_decay": -1.0}, "`weight_decay` must not be negative"),
        ({"learning_rate": "high"}, "`learning_rate` must be positive"),
        ({"weight_decay": "none"}, "`weight_decay` must not be negative"),
        ({"image_size": 64}, "`image_size` must be"),
        ({"image_size": (100, 100)}, "`image_size` must be multiples of 32"),
        ({"warmup_steps": -1}, "`warmup_steps` must be"),
        ({"depth": 20}, "`depth` must be one of 18, 34, 50, 101"),
        ({"attention": "dialstm"}, "`attention` must be None or one of .* Did you mean 'dia_lstm'"),
        ({"precision": "foo"}, "`precision` must be the name of a dtype policy"),
        ({"precision": "int8_from_float32"}, "`precision` must be .* without quantization. Received: .*'int8_from"),
        ({"precision": keras.DTypePolicy("mixed_bfloat16")}, "`precision` must be the name of a dtype policy"),
        ({"options": {"anchor_scale": "big"}}, "`anchor_scale` must be positive and finite"),
        ({"options": {"anchor_scale": [3]}}, "`anchor_scale` must be positive and finite"),
        ({"options": {"anchor_scale": float("inf")}}, "`anchor_scale` must be positive and finite"),
        ({"options": {"score_threshold": "high"}}, "`score_threshold` must be at least 0"),
        ({"options": {"iou_threshold": 1.0}}, "`iou_threshold` must be at least 0"),
        ({"options": {"max_detections": 0}}, "`max_detections` must be a positive integer"),
    ],
)
def test_settings_out_of_range_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        DetectorSettings(**change)


def test_numbers_of_numpy_are_recorded_as_those_of_python():
    given = {
        "epochs": np.int64(3),
        "seed": np.int64(1),
        "learning_rate": np.float32(0.5),
        "image_size": (np.int64(64),) * 2,
    }
    settings = DetectorSettings(**given, model="faster-rcnn", options={"regions": np.int64(64)})
    found = json.loads(json.dumps(settings.record()))
    assert (found["epochs"], found["seed"], found["learning_rate"]) == (3, 1, 0.5)
    assert found["image_size"] == [64, 64] and found["options"] == {"regions": 64}


def test_what_is_no_detector_is_an_error_that_says_so(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        find_detector(tmp_path / "none")
    with pytest.raises(ValueError, match=r"card\.json"):
        find_detector(tmp_path)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"saved detector.*Sequential"):
        find_detector(tmp_path / "model.keras")
    of_others = type("RetinaNet", (keras.Sequential,), {})
    keras.saving.register_keras_serializable("others")(of_others)
    of_others([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "others.keras")
    assert not is_detector(tmp_path / "others.keras")
    with pytest.raises(ValueError, match=r"saved detector.*a model of the class RetinaNet"):
        find_detector(tmp_path / "others.keras")


def test_a_saved_file_is_found_with_its_labels(tmp_path):
    path, old = tmp_path / "detector.keras", tmp_path / "old.keras"
    RetinaNet(18, 3, (32, 64), attention="se", labels=["ant", "bee", "cat"]).save(path)
    found = find_detector(path)
    assert found.labels == ("ant", "bee", "cat") and found.image_size == (32, 64)
    loaded = found.load()
    assert loaded.attention == "se" and loaded.labels == found.labels
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "damaged.keras").write_bytes(content)
    with pytest.raises(ValueError, match=r"A \.keras file must be sound\. Received: .*damaged\.keras"):
        find_detector(tmp_path / "damaged.keras").load()
    with zipfile.ZipFile(path) as file, zipfile.ZipFile(old, "w") as other:
        for name in file.namelist():
            content = json.loads(file.read(name)) if name == "config.json" else file.read(name)
            if name == "config.json":
                del content["config"]["labels"]  # as in files from before there were labels
                content = json.dumps(content)
            other.writestr(name, content)
    assert find_detector(old).labels is None and find_detector(old).load().labels is None
