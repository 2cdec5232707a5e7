"""What an exported file holds and takes, and what its report tells."""

import io
import itertools
import json
import os
import subprocess
import sys
import zipfile
from typing import get_args

import keras
import numpy as np
import pytest
from exported import FORMATS, answers_of, normalization, one_block, small
from files import ask
from PIL import Image

from dia_keras import backbones, export
from dia_keras.data.picture import Resize, read_picture
from dia_keras.samples import load_samples

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize("format", FORMATS)
def test_size_is_that_of_the_file(format, tmp_path):
    to_format, name = FORMATS[format]
    report = to_format(one_block(), tmp_path / name)
    files = [report.path] if report.path.is_file() else [p for p in report.path.rglob("*") if p.is_file()]
    assert report.size_bytes == sum(len(path.read_bytes()) for path in files) > 4 * one_block().count_params()


@pytest.mark.parametrize("input_dtype", ["uint8", "float32"])
@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_file_takes_the_dtype_asked_for(format, input_dtype, tmp_path):
    import onnxruntime
    from ai_edge_litert.interpreter import Interpreter

    to_format, name = FORMATS[format]
    path = str(to_format(one_block(), tmp_path / name, input_dtype=input_dtype).path)
    if format == "onnx":
        takes = onnxruntime.InferenceSession(path).get_inputs()[0].type
        assert takes == {"uint8": "tensor(uint8)", "float32": "tensor(float)"}[input_dtype]
    else:
        assert Interpreter(path).get_input_details()[0]["dtype"] == np.dtype(input_dtype)


def test_labels_and_normalization_travel_with_every_file(tmp_path):
    import onnx

    labels = [f"class {i}" for i in range(10)]
    paths = {
        format: to_format(one_block(), tmp_path / name, labels=labels, resize="center").path
        for format, (to_format, name) in FORMATS.items()
    }
    with zipfile.ZipFile(paths["tflite"]) as archive:
        assert archive.read("labels.txt").decode().splitlines() == labels
        in_tflite = json.loads(archive.read("metadata.json"))
    extra = paths["saved_model"] / "assets.extra"
    assert (extra / "labels.txt").read_text().splitlines() == labels
    properties = {p.key: p.value for p in onnx.load(paths["onnx"]).metadata_props}
    in_onnx = {key: json.loads(properties[key]) for key in ("input", "output", "normalization", "labels")}
    for metadata in (in_tflite, json.loads((extra / "metadata.json").read_text()), in_onnx):
        assert metadata["labels"] == labels and metadata["input"]["shape"] == [32, 32, 3]
        assert metadata["input"]["resize"] == "center" and metadata["output"]["activation"] == "softmax"
        np.testing.assert_allclose(metadata["normalization"]["mean"], [125.3, 123.0, 113.9], rtol=1e-6)
        np.testing.assert_allclose(metadata["normalization"]["std"], np.sqrt([3969.0, 3869.0, 4070.0]), rtol=1e-6)


def test_saved_model_decodes_and_resizes_image_files(tmp_path):
    import tensorflow as tf

    model = one_block()
    predict = tf.saved_model.load(str(export.to_saved_model(model, tmp_path / "model").path)).signatures[
        "serving_encoded"
    ]
    images = load_samples()[0][:2]
    larger = np.repeat(np.repeat(images, 3, 1), 3, 2)

    def ask_files(kind, pictures):
        files = [io.BytesIO() for _ in pictures]
        for file, picture in zip(files, pictures, strict=True):
            Image.fromarray(picture).save(file, kind, **({"quality": 95} if kind == "JPEG" else {}))
        return predict(encoded=tf.constant([file.getvalue() for file in files]))["predictions"].numpy()

    expected = answers_of(model, images)
    np.testing.assert_allclose(ask_files("PNG", images), expected, atol=1e-5)
    wider = np.pad(larger, ((0, 0), (0, 0), (40, 40), (0, 0)))
    np.testing.assert_allclose(ask_files("PNG", wider), ask_files("PNG", larger), atol=1e-5)
    np.testing.assert_allclose(ask_files("PNG", larger), expected, atol=0.02)
    np.testing.assert_allclose(ask_files("JPEG", larger), expected, atol=0.02)
    pixel = np.full((1, 1, 100, 3), 128, "uint8")  # a row, of which the middle is less than one
    answer = answers_of(model, np.full((1, 32, 32, 3), 128, "uint8"))
    np.testing.assert_allclose(ask_files("PNG", pixel), answer, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_image_files_are_resized_by_the_rule_asked_for(channels, tmp_path):
    import tensorflow as tf

    # Means of four parts: what is cut off, out of shape or black is seen.
    layers = keras.layers.Rescaling(1 / 255), keras.layers.AveragePooling2D((10, 8)), keras.layers.Flatten()
    model = keras.Sequential([keras.Input((20, 16, channels)), *layers])
    rows, columns = np.indices((30, 50))
    image = np.stack([5 * columns, 8 * rows, 255 - 5 * columns], -1).astype("uint8")
    exact = np.random.default_rng(0).integers(0, 256, (20, 16, 3), "uint8")
    found = {}
    for rule in get_args(Resize):
        path = export.to_saved_model(model, tmp_path / "model", resize=rule).path
        predict = tf.saved_model.load(str(path)).signatures["serving_encoded"]
        for picture, kind, atol in ((image, "BMP", 0.02), (exact, "PNG", 1e-5)):
            file = io.BytesIO()
            Image.fromarray(picture).save(file, kind)
            seen = read_picture(file.getvalue(), 20, 16, rule, channels)[None]
            answer = predict(encoded=tf.constant([file.getvalue()]))["predictions"].numpy()
            np.testing.assert_allclose(answer, answers_of(model, seen), atol=atol, err_msg=rule)
            found[rule, atol] = answer
    rules = get_args(Resize)
    assert all(np.abs(found[a, 0.02] - found[b, 0.02]).max() > 0.02 for a, b in itertools.combinations(rules, 2))


def test_saved_model_of_float_images_takes_no_pixels(tmp_path):
    import tensorflow as tf

    path = export.to_saved_model(backbones.resnet(8, "basic"), tmp_path / "model", load_samples()[0] / 255).path
    assert list(tf.saved_model.load(str(path)).signatures) == ["serving_default"]


def test_saved_model_of_float_images_has_its_accuracy_measured_on_pixels(tmp_path):
    images, model = load_samples()[0], one_block()
    labels = answers_of(model, images).argmax(-1)
    floats = images.astype("float32")
    assert export.to_saved_model(model, tmp_path / "model", floats, test=(images, labels)).top1 == 1.0


def test_saved_model_loads_without_dia_keras_and_takes_both_dtypes(tmp_path):
    model = small(attention="dia_lstm")
    images = load_samples()[0]
    export.to_saved_model(model, tmp_path / "model")
    np.save(tmp_path / "images.npy", images)
    code = """
import sys
sys.modules["dia_keras"] = sys.modules["keras"] = None
import numpy as np, tensorflow as tf
images = np.load("images.npy")
model = tf.saved_model.load("model")
answers = [model(images), model(images.astype("float32")),
           model.signatures["serving_uint8"](images=images)["predictions"]]
np.save("answers.npy", np.stack(answers))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    for answer in np.load(tmp_path / "answers.npy"):
        np.testing.assert_allclose(answer, answers_of(model, images), atol=1e-5)


def test_report_tells_what_is_in_the_file_and_how_right_it_is(tmp_path):
    model, images = small(attention="dia_lstm"), load_samples()[0]
    labels = answers_of(model, images).argmax(-1)
    labels[0] = (labels[0] + 1) % 10
    for format, (to_format, name) in FORMATS.items():
        report = to_format(model, tmp_path / name, test=(images, labels))
        assert report.top1 == report.model_top1 == 1 - 1 / len(images) and report.images == len(images)
        assert 0 < report.conversion_seconds < report.seconds
        convolution = {"saved_model": "Conv2D", "tflite": "CONV_2D", "onnx": "Conv"}[format]
        assert report.ops[convolution] == 9 and report.partitions == (1 if format == "tflite" else None)
        report.save(tmp_path / "report.json")
        assert json.loads((tmp_path / "report.json").read_text()) == report.to_dict()


def test_model_is_exported_as_trained_if_asked(tmp_path):
    model = backbones.resnet(14, "basic", attention="dia_lstm", preprocessing=normalization())
    for format, (to_format, name) in FORMATS.items():
        ops = [sum(to_format(model, tmp_path / name, optimize=optimize).ops.values()) for optimize in (True, False)]
        assert ops[0] < ops[1], format


def test_models_without_classes_have_no_best_class(tmp_path):
    assert export.to_onnx(small(include_top=False), tmp_path / "model.onnx").agreement is None


def test_onnx_names_its_batch_and_has_the_opset_asked_for(tmp_path):
    import onnx

    proto = onnx.load(export.to_onnx(one_block(), tmp_path / "model.onnx", opset=15).path)
    (images,), (predictions,) = proto.graph.input, proto.graph.output
    assert (images.name, predictions.name) == ("images", "predictions")
    assert [d.dim_param or d.dim_value for d in images.type.tensor_type.shape.dim] == ["batch", 32, 32, 3]
    assert [d.dim_param or d.dim_value for d in predictions.type.tensor_type.shape.dim] == ["batch", 10]
    assert proto.opset_import[0].version == 15


@pytest.mark.parametrize("batch_size", [3, None])
def test_tflite_takes_the_batch_size_asked_for(batch_size, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    model = small(attention="dia_lstm")
    path = export.to_tflite(model, tmp_path / "model.tflite", batch_size=batch_size).path
    images = load_samples()[0][:6]
    interpreter = Interpreter(str(path))
    assert interpreter.get_input_details()[0]["shape_signature"].tolist() == [batch_size or -1, 32, 32, 3]
    np.testing.assert_allclose(ask(path, images), answers_of(model, images), atol=1e-5)


def test_optimizer_of_tf2onnx_that_fails_is_left_out(monkeypatch, tmp_path):
    import tf2onnx.optimizer

    calls = []

    class Failing:
        def optimize(self, graph, iteration):
            calls.append(graph)
            raise RuntimeError("no")

    monkeypatch.setitem(tf2onnx.optimizer._optimizers, "einsum_optimizer", Failing)
    model, images = one_block(), load_samples()[0]
    path = export.to_onnx(model, tmp_path / "model.onnx").path
    assert len(calls) > 1 and "TF2ONNX_CATCH_ERRORS" not in os.environ
    np.testing.assert_allclose(ask(path, images), answers_of(model, images), atol=1e-5)
