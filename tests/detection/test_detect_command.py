"""`dia-keras detect`, with a detector that finds red rectangles."""

import json
import types

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from small_sets import RED, paint

from dia_keras import detection
from dia_keras.cli import console, main


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    """A detector of the name "runs/red", in place of those that are trained."""

    class Red:
        def predict(self, images, verbose):
            places = [np.nonzero(image[..., 0] > 127) for image in images]
            boxes = [[x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else [0] * 4 for y, x in places]
            number = np.array([len(x) > 0 for _, x in places], int)
            ones = np.ones((len(images), 1))
            return {
                "boxes": np.array(boxes)[:, None],
                "classes": ones,
                "scores": 0.75 * ones,
                "num_detections": number,
            }

    real = detection.find_detector

    def find_detector(path):
        if str(path) != "runs/red":
            return real(path)
        return types.SimpleNamespace(labels=("ant", "bee"), image_size=(64, 64), load=Red)

    monkeypatch.setattr(detection, "find_detector", find_detector, raising=False)


@pytest.fixture
def images(tmp_path):
    for name, rectangles in {"red.png": {RED: (8, 4, 24, 20)}, "empty.png": {}}.items():
        Image.fromarray(paint(rectangles, 32, 32)).save(tmp_path / name)
    (tmp_path / "text.png").write_text("no image")
    return tmp_path


def run(*arguments, code=0):
    console.width = 200
    result = CliRunner().invoke(main, ["detect", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_objects_are_shown_with_class_score_and_box(images):
    output = run("--model", "runs/red", images / "red.png", images / "empty.png").output
    (row,) = [line for line in output.splitlines() if "red.png" in line]
    assert "bee" in row and "0.75" in row and "8, 4, 24, 20" in row
    assert any("empty.png" in line and "nothing found" in line for line in output.splitlines())
    output = run("--model", "runs/red", "--threshold", 0.8, images / "red.png").output
    assert "nothing found" in output


def test_as_json_an_unreadable_image_is_reported_and_the_others_are_answered(images):
    result = run("--model", "runs/red", "--json", images / "text.png", images / "red.png", code=1)
    found = {"label": "bee", "score": 0.75, "box": [8, 4, 24, 20]}
    error = f"{images / 'text.png'} is not an image that Pillow can read."
    assert json.loads(result.stdout) == [
        {"image": str(images / "red.png"), "detections": [found]},
        {"image": str(images / "text.png"), "error": error},
    ]
    assert error in result.stderr
    assert run("--model", "runs/red", images / "text.png", code=1).stdout == ""


def test_the_picture_shows_all_images(images, tmp_path):
    picture = tmp_path / "answer.png"
    run("--model", "runs/red", "--picture", picture, images / "red.png", images / "empty.png")
    with Image.open(picture) as drawn:
        assert drawn.size == (2 * 640 + 8, 640)
    run("--model", "runs/red", "--picture", picture, images / "red.png")  # its own it writes again
    before = (images / "red.png").read_bytes()
    refused = run("--model", "runs/red", "--picture", images / "red.png", images / "empty.png", code=1).output
    assert "must be new" in refused.replace("\n", " ") and (images / "red.png").read_bytes() == before
    assert "must end in .png" in run("--model", "runs/red", "--picture", "a.jpg", images / "red.png", code=1).output
    missing = tmp_path / "nowhere" / "a.png"
    assert "folder of a file" in run("--model", "runs/red", "--picture", missing, images / "red.png", code=1).output


def test_help_has_examples_and_the_command_is_listed():
    assert "Examples:\n    dia-keras detect" in run("--help").output
    assert "  detect " in CliRunner().invoke(main, ["--help"]).output


def test_an_unknown_detector_is_an_error_in_the_words_of_the_command(images):
    output = run("--model", "runs/blue", images / "red.png", code=1).output
    assert output.startswith(
        "Error: `--model` must be the folder of a detector's run, or a .keras file. Received: --mo"
    )


def test_an_export_of_a_run_without_weights_names_the_run(tmp_path):
    card = {"kind": "detector", "model": "retinanet", "config": {}, "labels": ["ant"], "image_size": [32, 32]}
    (tmp_path / "card.json").write_text(json.dumps(card))
    result = CliRunner().invoke(main, ["export", str(tmp_path), str(tmp_path / "x.onnx")])
    assert result.output.startswith("Error: `NAME` must be a run with weights. Received: NAME=")


def test_settings_that_are_wrong_have_the_names_of_their_options(tmp_path):
    command = ["train-detector", str(tmp_path), "--size", "100", "--out", str(tmp_path / "run")]
    assert "Error: `--size` must be multiples of 32 pixels" in CliRunner().invoke(main, command).output
