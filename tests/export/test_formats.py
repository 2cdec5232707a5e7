"""A format is one object; the rest of the exporters does not know its name."""

import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from dia_keras import cli, export
from dia_keras.export.exporter import export_model
from dia_keras.export.format import Format, Quantization
from dia_keras.export.registry import FORMATS, format_of
from dia_keras.export.requests.request import Request


class NumPyFormat(Format):
    """The weights of one dense layer, as a format of its own would have it."""

    name = "numpy"
    suffix = ".npz"
    packages = ("numpy",)
    quantizations: ClassVar = {None: Quantization(1e-4), "halved": Quantization(0.1, input_dtypes=("float32",))}

    def write(self, model, request, metadata):
        kernel, bias = model.get_weights()
        kernel = kernel.astype("float16") if request.quantize == "halved" else kernel
        with request.path.open("wb") as file:
            np.savez(file, kernel=kernel, bias=bias, metadata=json.dumps(metadata))

    def runners(self, request):
        with np.load(request.path) as arrays:
            file = dict(arrays)
        return {"the file": lambda images: images.mean((1, 2)) @ file["kernel"] + file["bias"]}

    def anatomy(self, path):
        return {"ops": {"matmul": 1}}


@pytest.fixture
def numpy_format(monkeypatch):
    monkeypatch.setitem(FORMATS, "numpy", NumPyFormat())
    return FORMATS["numpy"]


def model():
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(inputs)))


def test_every_format_has_its_exporter_and_every_exporter_its_format():
    assert {f"to_{name}" for name in FORMATS} == {name for name in vars(export) if name.startswith("to_")}


@pytest.mark.tensorflow
def test_a_new_format_is_one_object_and_one_line(numpy_format, tmp_path):
    labels = ["a", "b", "c", "d"]
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), "uint8")
    report = export_model(numpy_format, model(), tmp_path / "model.npz", images, labels=labels, quantize="halved")
    assert (report.format, report.quantize, report.ops) == ("numpy", "halved", {"matmul": 1})
    assert 0 < report.max_difference < 0.1
    with np.load(report.path) as file:
        assert json.loads(str(file["metadata"]))["labels"] == labels
    with pytest.raises(ValueError, match=r"`quantize` must be one of None, 'halved'. Received: quantize='int8'"):
        export_model(numpy_format, model(), tmp_path / "model.npz", quantize="int8")
    with pytest.raises(ValueError, match=r"named \*.npz"):
        export_model(numpy_format, model(), tmp_path / "model.onnx")


def test_the_command_line_knows_a_new_format(numpy_format, tmp_path):
    assert format_of(Path("model.npz")) is numpy_format
    result = CliRunner().invoke(cli.main, ["export", "resnet20_cifar10", str(tmp_path / "model.pt")])
    assert result.exit_code and "must end in .tflite or .onnx or .npz, or have no ending" in result.output


def test_a_request_comes_back_as_it_was_saved(tmp_path):
    images = np.arange(24, dtype="uint8").reshape(2, 2, 2, 3)
    request = Request(
        "onnx",
        tmp_path / "model.onnx",
        images,
        quantize="int8",
        representative=images[:1],
        input_dtype="uint8",
        of_pixels=True,
        labels=("é", "b"),
        resize="pad",
        optimize=False,
        test=(images, np.array([0, 1])),
        tolerance=float("inf"),
        options={"opset": 15},
    )
    request.save(tmp_path)
    found = Request.load(tmp_path)
    np.testing.assert_equal(vars(found), vars(request))
    assert found.images.dtype == "uint8" and isinstance(found.labels, tuple)
    plain = Request("onnx", tmp_path / "model.onnx", images)
    plain.save(tmp_path)
    np.testing.assert_equal(vars(Request.load(tmp_path)), vars(plain))


def test_importing_the_exporters_loads_no_converter():
    code = "import sys, dia_keras.export; print(*{'onnx', 'tf2onnx', 'onnxruntime', 'ai_edge_litert'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


@pytest.mark.tensorflow
def test_ops_have_the_names_of_the_schema():
    """TensorFlow's own function names SUM otherwise from Python 3.13 on."""
    from tensorflow.lite.python import schema_py_generated as schema

    from dia_keras.export.tflite.op_names import op_name

    model, op = schema.ModelT(), schema.OperatorT()
    for name in ("ADD", "SUM", "CONV_2D", "CAST", "SQUARED_DIFFERENCE"):
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name), 0
        model.operatorCodes, op.opcodeIndex = [code], 0
        assert op_name(model, op) == name
