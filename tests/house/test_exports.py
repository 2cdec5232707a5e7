"""`zoo/tools/exports.py` reports what was exported and what was refused."""

import json

import keras
import numpy as np
import pytest
import reports
from click.testing import CliRunner

from dia_keras import export, zoo

NAME = "eca_resnet20_cifar10"


@pytest.fixture
def script(load_script, tmp_path, monkeypatch):
    script = load_script("exports")
    monkeypatch.setattr(script, "REPORTS", tmp_path / "reports")
    return script


def refuse(model, path, **options):
    raise ValueError("`model` cannot be had in this form")


@pytest.mark.tensorflow
def test_forms_are_reported_and_so_are_refusals(script, npz, monkeypatch):
    forms = ((export.to_tflite, "model.tflite", {"quantize": "int8"}), (refuse, "model.x", {"quantize": "float16"}))
    monkeypatch.setattr(script, "FORMS", forms)
    result = CliRunner().invoke(script.main, [NAME, "--representative", "5", "--data", str(npz)])
    assert result.exit_code == 0, result.output
    (found,) = reports.read(script.REPORTS)
    assert found["entry"] == NAME and [path.name for path in script.REPORTS.iterdir()] == ["untrained.csv"]
    (exported,) = found["exports"]
    assert (exported["format"], exported["quantize"], exported["path"]) == ("tflite", "int8", "model.tflite")
    # Without weights there is no accuracy; with statistics of the images there are differences to see.
    assert exported["top1"] is None and 0 < exported["max_difference"] < 0.05
    reason = "`model` cannot be had in this form"
    assert 1e8 < found["peak_memory"] < 1e11  # bytes: more than Python with TensorFlow, less than a machine
    assert found["refused"] == [{"format": "refuse", "quantize": "float16", "reason": reason}]


@pytest.mark.tensorflow
def test_weights_of_a_run_have_their_accuracy_measured(script, npz, monkeypatch, tmp_path):
    monkeypatch.setattr(script, "FORMS", ((export.to_tflite, "model.tflite", {}),))
    keras.utils.set_random_seed(1)
    model = zoo.load(NAME, weights=None)
    model.save_weights(tmp_path / "run.weights.h5")
    options = ["--weights", str(tmp_path / "run.weights.h5"), "--data", str(npz)]
    result = CliRunner().invoke(script.main, [NAME, *options, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    (exported,) = json.loads((tmp_path / "out" / f"{NAME}.json").read_text())["exports"]
    with np.load(npz) as data:
        right = model.predict(data["x_test"], verbose=0).argmax(-1) == data["y_test"].ravel()
    assert exported["top1"] == exported["model_top1"] == right.mean()
    result = CliRunner().invoke(script.main, [NAME, *options, "--out", str(tmp_path / "out"), "--test-images", "3"])
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out" / f"{NAME}.json").read_text())
    assert record["test_images"] == 3 and record["exports"][0]["model_top1"] == right[:3].mean()
    refused = CliRunner().invoke(script.main, [NAME, *options])
    assert refused.exit_code and "`--weights` must come with one name" in refused.output
    assert not script.REPORTS.exists()
