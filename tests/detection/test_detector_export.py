"""Exported detectors answer as the detectors do, also in the Python sample, or are not written."""

import dataclasses
import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from small_models import build_small

from dia_keras import cli, export
from dia_keras.detection import FasterRCNN, RetinaNet
from dia_keras.detection.evaluation import detect
from dia_keras.detection.finding import is_detector
from dia_keras.export import conversion, exporter
from dia_keras.export.detectors.answers import as_rows, suppressed
from dia_keras.export.detectors.comparison import differences
from dia_keras.export.detectors.formats import DETECTOR_FORMATS
from dia_keras.export.detectors.networks import in_float32
from dia_keras.export.requests.request import Request

pytestmark = pytest.mark.tensorflow

SAMPLE = Path(__file__).parents[2] / "export" / "python" / "detect_objects.py"
LABELS = ["ant", "bee", "two words"]
#: Runs a script as `python SCRIPT ...` does; an import of what is not to be needed fails.
GUARD = """
import runpy, sys
for name in ("dia_keras", "keras", "tensorflow", "jax", "torch"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class FewLevels(FasterRCNN):
    """Faster R-CNN on two levels, which converts in half the time."""

    LEVELS = (5, 6)


#: Factors of the last layers' kernels, so that answers differ and are sure.
FACTORS = {
    "class_logits_head_output": 200,
    "box_codes_head_output": 150,
    "proposal_objectness": 100,
    "proposal_codes": 100,
    "region_classes": 100,
    "region_codes": 100,
}


def varied(detector):
    for weight in detector.weights:
        layer, _, kind = weight.path.rpartition("/")
        if kind == "kernel":
            weight.assign(weight * FACTORS.get(layer, 1))
    return detector


@pytest.fixture(scope="module")
def retinanet():
    keras.utils.set_random_seed(0)
    return varied(build_small(RetinaNet, max_detections=9))


@pytest.fixture(scope="module")
def faster_rcnn():
    keras.utils.set_random_seed(0)
    return varied(build_small(FewLevels, max_detections=9, proposals=20, regions=16))


@pytest.fixture(scope="module")
def pictures():
    """Two pictures of other shapes than the network's input."""
    return [np.random.default_rng(0).integers(0, 256, size, "uint8") for size in ((48, 90, 3), (130, 64, 3))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exported")


def write_as_another_backend_does(detector, path):
    """Lets the TensorFlow process of exports from other backends write a SavedModel, in this process."""
    images = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), "uint8")
    expected = as_rows(detector.predict(images, verbose=0))
    detector.save(path.parent / "model.keras")
    (path.parent / "objects.json").write_text("{}")
    np.save(path.parent / "expected.npy", expected)
    request = Request("saved_model", path, images, labels=tuple(LABELS), tolerance=1e-4, of_detector=True)
    dataclasses.replace(request, of_pixels=True).save(path.parent)
    conversion.answer_request(path.parent)
    return SimpleNamespace(**json.loads((path.parent / "result.json").read_text())["found"])


EXPORTS = {
    "RetinaNet.tflite": ("retinanet", lambda model, path: export.to_tflite(model, path, labels=LABELS)),
    "FasterRCNN.onnx": (
        "faster_rcnn",
        lambda model, path: export.to_onnx(model, path, labels=LABELS, input_dtype="float32"),
    ),
    "FasterRCNN": ("faster_rcnn", write_as_another_backend_does),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_file_answers_as_its_detector_and_the_sample_needs_nothing_else(name, request, folder, pictures):
    fixture, write = EXPORTS[name]
    detector = request.getfixturevalue(fixture)
    report = write(detector, folder / name)
    assert report.max_difference < 1e-5 and report.box_difference < 1e-3 and report.detections > 2

    sample = runpy.run_path(str(SAMPLE))
    model, metadata = sample["load_model"](str(folder / name), 0)
    assert metadata["input"]["shape"] == [64, 64, 3] and metadata["labels"] == LABELS
    for picture, expected in zip(pictures, detect(detector, pictures, image_size=(64, 64)), strict=True):
        found = sample["find_objects"](model, metadata, Image.fromarray(picture))
        assert len(expected.scores) > 1 and np.diff(expected.scores).max() < -1e-4
        assert [each[0] for each in found] == [LABELS[number] for number in expected.classes]
        np.testing.assert_allclose([each[1] for each in found], expected.scores, atol=1e-5)
        np.testing.assert_allclose([each[2] for each in found], expected.boxes, atol=1e-2)


def test_the_sample_runs_without_keras_and_draws(retinanet, folder, pictures, tmp_path):
    path = folder / "RetinaNet.tflite"
    if not path.exists():
        export.to_tflite(retinanet, path, labels=LABELS)
    Image.fromarray(pictures[0]).save(tmp_path / "wide.png")

    def run(*arguments):
        command = [sys.executable, "-c", GUARD, SAMPLE, *arguments]
        return subprocess.run(list(map(str, command)), capture_output=True, encoding="utf-8")

    done = run(path, tmp_path / "wide.png", "--threshold", 0, "--picture", tmp_path / "found.png")
    assert done.returncode == 0, done.stderr
    (expected,) = detect(retinanet, pictures[:1], image_size=(64, 64))
    lines = done.stdout.splitlines()[1:]
    assert [line.split("%  ")[1].split("  (")[0] for line in lines] == [LABELS[i] for i in expected.classes]
    with Image.open(tmp_path / "found.png") as drawn:
        assert drawn.size == (90, 48) and (np.asarray(drawn) == (255, 0, 0)).all(-1).any()
    before = (tmp_path / "wide.png").read_bytes()
    done = run(path, tmp_path / "wide.png", "--picture", tmp_path / "found.png" / ".." / "wide.png")
    assert done.returncode == 2 and "--picture must be another file than the image" in done.stderr
    assert (tmp_path / "wide.png").read_bytes() == before
    done = run(tmp_path / "wide.png", path)
    assert done.returncode == 1 and done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1


def rows_of(*rows, number=4):
    return np.array([*rows, *[[-1] * 6] * (number - len(rows))], "float32")


SURE, OTHER = (0, 0, 32, 32, 1, 0.9), (10, 10, 20, 20, 0, 0.6)
WEAK = (40, 40, 60, 60, 2, 0.0501)


@pytest.fixture
def file_of_text(monkeypatch):
    """Function that lets a TFLite export write a text, and say that the file answers with some rows."""

    def patch(rows):
        monkeypatch.setattr(
            DETECTOR_FORMATS["tflite"], "write", lambda model, request, metadata: request.path.write_text("file")
        )
        monkeypatch.setattr(DETECTOR_FORMATS["tflite"], "runners", lambda request: {"the file": rows})
        monkeypatch.setattr(DETECTOR_FORMATS["tflite"], "anatomy", lambda path: {"ops": {}})

    return patch


def answer(monkeypatch, detector, row):
    """Lets a detector find in every image what a row says, or nothing."""
    found = np.array(row, "float32")

    def predict(images, batch_size, verbose):
        boxes, classes, scores = np.split(np.repeat(found[None, None], len(images), 0), [4, 5], axis=-1)
        numbers = np.full(len(images), found[4] >= 0, int)
        return {"boxes": boxes, "classes": classes[..., 0], "scores": scores[..., 0], "num_detections": numbers}

    monkeypatch.setattr(detector, "predict", predict)


def test_a_file_that_answers_otherwise_is_not_written(retinanet, file_of_text, monkeypatch, tmp_path):
    answer(monkeypatch, retinanet, SURE)
    file_of_text(lambda images: np.repeat(rows_of((0, 0, 32.1, 32, 1, 0.9), number=1)[None], len(images), 0))
    with pytest.raises(export.ExportMismatchError, match=r"differs by 0\.00156, more than `tolerance`"):
        export.to_tflite(retinanet, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())
    report = export.to_tflite(retinanet, tmp_path / "model.tflite", tolerance=0.01)
    assert report.detections == report.images == 3
    assert report.box_difference == pytest.approx(0.1, abs=1e-3)
    assert (tmp_path / "model.tflite").read_text() == "file"


def test_a_detector_that_finds_nothing_is_exported_with_a_warning(
    retinanet, file_of_text, monkeypatch, tmp_path, caplog
):
    answer(monkeypatch, retinanet, [-1] * 6)
    file_of_text(lambda images: np.full((len(images), 1, 6), -1, "float32"))
    report = export.to_tflite(retinanet, tmp_path / "model.tflite")
    assert report.detections == 0 and "finds nothing" in caplog.text


@pytest.mark.parametrize("kind", ["retinanet", "faster_rcnn"])
def test_a_detector_that_answers_with_nan_is_an_error_and_not_one_that_finds_nothing(kind, request, pictures, tmp_path):
    detector = request.getfixturevalue(kind)
    ends = ("class_logits_head_output/bias", "region_classes/bias")
    (bias,) = (weight for weight in detector.weights if weight.path.endswith(ends))
    before = keras.ops.convert_to_numpy(bias)
    bias.assign(np.full(bias.shape, np.nan))
    try:
        with pytest.raises(ValueError, match="`model` must give boxes and scores that are finite"):
            detect(detector, pictures, image_size=(64, 64))
        with pytest.raises(export.ExportMismatchError, match="differs by nan"):
            export.to_onnx(detector, tmp_path / "model.onnx", labels=LABELS)
    finally:
        bias.assign(before)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("found", "expected", "difference", "pixels"),
    [
        ([SURE, OTHER], [SURE, OTHER], 0, 0),
        ([(0.5, 0, 32, 32, 1, 0.9)], [SURE], 0.5 / 64, 0.5),
        ([(0, 0, 32, 32, 1, 0.8)], [SURE], 0.1, 0),
        ([(0, 0, 32, 32, 2, 0.9)], [SURE], 0.85, 0),
        ([SURE], [SURE, OTHER], 0.55, 0),
        ([SURE, OTHER], [SURE], 0.55, 0),
        ([SURE, WEAK], [SURE], 1e-4, 0),
        ([SURE], [SURE, WEAK], 1e-4, 0),
        ([(*OTHER[:5], 0.9), SURE], [SURE, (*OTHER[:5], 0.9)], 0, 0),
        ([SURE] * 3 + [OTHER], [SURE] * 3 + [(50, 50, 60, 60, 2, 0.6)], 0, 0),
        ([(float("nan"), 0, 32, 32, 1, 0.9)], [SURE], float("nan"), float("nan")),
    ],
)
def test_detections_are_compared_with_their_own_kind(found, expected, difference, pixels):
    detector = SimpleNamespace(image_size=(48, 64), max_detections=4, score_threshold=0.05)
    answer = differences(rows_of(*found), rows_of(*expected), detector, 1e-5)
    np.testing.assert_allclose(answer, (difference, pixels), atol=1e-6)


@pytest.mark.parametrize(
    ("to_format", "arguments", "message"),
    [
        (export.to_onnx, {"quantize": "int8"}, "`quantize` must be None for a detector"),
        (export.to_tflite, {"quantize": "float16"}, "`quantize` must be None for a detector"),
        (export.to_saved_model, {"test": (1, 2)}, "`test` must be None for a detector"),
        (export.to_onnx, {"labels": ["ant"]}, "`labels` must be the names of 3 classes"),
        (export.to_onnx, {"images": np.zeros((1, 32, 32, 3))}, r"`images` must be .* of shape \(n, 64, 64, 3\)"),
        (export.to_onnx, {"opset": 9}, "`opset` must be"),
        (export.to_onnx, {"resize": "crop"}, "`resize` must be None or 'pad' for a detector"),
    ],
)
def test_what_detectors_do_not_have_is_named(to_format, arguments, message, retinanet, tmp_path):
    suffix = {export.to_onnx: ".onnx", export.to_tflite: ".tflite"}.get(to_format, "")
    with pytest.raises(ValueError, match=message):
        to_format(retinanet, tmp_path / f"model{suffix}", **arguments)


def test_faster_rcnn_is_refused_for_tflite_and_told_what_would_work(faster_rcnn, tmp_path):
    with pytest.raises(ValueError, match=r"must be a RetinaNet for TFLite: .* Use `to_onnx` or `to_saved_model`"):
        export.to_tflite(faster_rcnn, tmp_path / "model.tflite")


def test_a_detector_of_mixed_precision_is_exported_in_float32():
    detector = build_small(RetinaNet, dtype="mixed_bfloat16")
    twin = in_float32(detector)
    assert {layer.compute_dtype for layer in twin._flatten_layers(include_self=False)} == {"float32"}
    for own, other in zip(detector.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)


def test_the_command_exports_the_detector_of_a_run(monkeypatch, tmp_path):
    def export_model(format, model, path, labels, **options):
        assert format.name == "onnx" and model == "detector" and labels == ("ant",) and not options
        return export.ExportReport(
            path, "onnx", None, 10, 2.0, 1.0, 1e-6, 3, {"Conv": 1}, box_difference=1e-4, detections=7
        )

    found = SimpleNamespace(labels=("ant",), load=lambda: "detector")
    monkeypatch.setattr(exporter, "export_model", export_model)
    monkeypatch.setattr("dia_keras.detection.finding.find_detector", lambda path: found)
    run = tmp_path / "run"
    run.mkdir()
    (run / "card.json").write_text('{"kind": "detector"}')

    def call(*arguments):
        cli.console.width = 200
        return CliRunner().invoke(cli.main, ["export", str(run), str(tmp_path / "a.onnx"), *arguments])

    result = call()
    assert result.exit_code == 0, result.output
    assert "boxes (pixels)" in result.output and "1.0e-04" in result.output
    assert json.loads((tmp_path / "a.onnx.report.json").read_text())["detections"] == 7
    result = call("--quantize", "int8")
    assert result.exit_code == 1 and "`--quantize` is not for detectors" in result.output


def test_only_detectors_are_taken_for_detectors(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "dense.keras")
    (tmp_path / "card.json").write_text('{"labels": []}')
    for path in (tmp_path, tmp_path / "dense.keras", tmp_path / "missing", "dia_resnet20_cifar10"):
        assert not is_detector(path)


@pytest.mark.parametrize("after", ["exporter", "sample"])
def test_candidates_of_a_file_without_suppression_are_the_best_of_each_level(after):
    boxes = np.array([[0, 0, 4, 4], [9, 9, 12, 12], [20, 20, 24, 24]], "float32")
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.4]], "float32")  # two of the first level, one of the next
    settings = {"candidates": 1, "levels": [2, 3], "score_threshold": 0.05, "iou_threshold": 0.5, "max_detections": 3}
    if after == "exporter":
        rows = suppressed(boxes, scores, settings)
        found = rows[:, :4], rows[:, 4], rows[:, 5]
        assert (rows[2] == -1).all()
    else:
        found = runpy.run_path(str(SAMPLE))["suppress"](boxes, scores, settings)
    np.testing.assert_array_equal(found[0][:2], boxes[[0, 2]])
    np.testing.assert_array_equal(found[1][:2], [0, 1])
    np.testing.assert_allclose(found[2][:2], [0.9, 0.4])
