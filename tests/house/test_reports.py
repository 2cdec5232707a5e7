"""Reports of exports come back as they were written."""

import copy
import json

import pytest
import reports

RUN = {"command": "python zoo/tools/exports.py NAMES", "device": "AMD EPYC, 2 cores", "python": "3.11", "keras": "3.15"}


def record(entry, top1=None, **extra):
    report = {
        "path": "model.tflite",
        "format": "tflite",
        "quantize": "int8",
        "size_bytes": 1000,
        "seconds": 1.2345678901234567,
        "conversion_seconds": 0.1,
        "max_difference": 2.9802322387695312e-08,
        "images": 8,
        "ops": {"CONV_2D": 19, "MUL": 3},
        "partitions": 0,
        "top1": top1,
        "model_top1": top1,
    }
    onnx = {**report, "path": "model.onnx", "format": "onnx", "quantize": None, "partitions": None, "ops": {}}
    run = {**RUN, "backend": "tensorflow", "tensorflow": "2.21", **extra}
    return {"entry": entry, "exports": [report, onnx], "refused": [], "run": run, "peak_memory": 10**9}


def test_entries_without_weights_share_one_table(tmp_path):
    refusal = {"format": "onnx", "quantize": "int8", "reason": 'No "op" for it,\nand a second line'}
    records = [
        record("eca_resnet20_cifar10", environment={"TF_ENABLE_ONEDNN_OPTS": "0", "MALLOC_TRIM_THRESHOLD_": "1"}),
        {**record("resnet20_cifar10", backend="jax", jax="0.10"), "refused": [refusal]},
    ]
    records[1]["run"].pop("tensorflow")
    records[1].pop("peak_memory")
    for each in reversed(records):
        reports.write(tmp_path, copy.deepcopy(each), is_trained=False)
    assert [path.name for path in tmp_path.iterdir()] == ["untrained.csv"]
    assert reports.read(tmp_path) == records
    assert [line.split(",")[0] for line in (tmp_path / "untrained.csv").read_text().splitlines()[:4]] == [
        "entry",
        *["eca_resnet20_cifar10"] * 2,
        "resnet20_cifar10",
    ]


def test_a_new_report_takes_the_place_of_the_old_one(tmp_path):
    for entry in ("a", "b"):
        reports.write(tmp_path, record(entry), is_trained=False)
    new = record("a")
    new["exports"] = new["exports"][:1]
    reports.write(tmp_path, new, is_trained=False)
    assert reports.read(tmp_path) == [new, record("b")]


def test_a_trained_entry_has_a_file_of_its_own_and_leaves_the_table(tmp_path):
    for entry in ("a", "b"):
        reports.write(tmp_path, record(entry), is_trained=False)
    reports.write(tmp_path, record("a", top1=0.5), is_trained=True)
    assert json.loads((tmp_path / "a.json").read_text()) == record("a", top1=0.5)
    assert "a," not in [line[:2] for line in (tmp_path / "untrained.csv").read_text().splitlines()]
    assert reports.read(tmp_path) == [record("a", top1=0.5), record("b")]


def test_an_accuracy_is_never_dropped(tmp_path):
    with pytest.raises(AssertionError, match="has no accuracy"):
        reports.write(tmp_path, record("a", top1=0.5), is_trained=False)
