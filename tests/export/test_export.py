"""Exported files answer as their models do, or are not written."""

import importlib
import io
import itertools
import json
import os
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest
from files import ask
from PIL import Image
from rich.console import Console

from dia_keras import backbones, export
from dia_keras.data.picture import Resize, read_picture
from dia_keras.export.report import table
from dia_keras.samples import load_samples

pytestmark = pytest.mark.tensorflow

FORMATS = {
    "saved_model": (export.to_saved_model, "model"),
    "tflite": (export.to_tflite, "model.tflite"),
    "onnx": (export.to_onnx, "model.onnx"),
}


def normalization():
    return keras.layers.Normalization(mean=[125.3, 123.0, 113.9], variance=[3969.0, 3869.0, 4070.0])


def small(**options):
    return backbones.resnet(8, "basic", preprocessing=normalization(), **options)


NETS = {
    "dia_lstm": lambda: backbones.resnet(
        20, "basic", attention="dia_lstm", num_classes=100, preprocessing=normalization()
    ),
    "dia_lstm_light, logits": lambda: small(attention="dia_lstm_light", classifier_activation=None),
    "Keras' LSTMCell": lambda: small(attention=keras.layers.LSTMCell),
    "srm, shared": lambda: backbones.resnet(14, "basic", attention="srm", shared=True, preprocessing=normalization()),
    "spa, of uneven parts": lambda: small(attention="spa", input_shape=(28, 20, 3)),
    **{name: partial(small, attention=name) for name in ("se", "eca", "cbam", "spa", "sem", "spem", "sge", "ie")},
    "wrn": lambda: backbones.wrn(10, 1, attention="dia_lstm", preprocessing=normalization()),
    "resnext": lambda: backbones.resnext(11, 8, 4, attention="dia_lstm", preprocessing=normalization()),
    "imagenet_resnet": lambda: backbones.imagenet_resnet(18, input_shape=(64, 48, 3), preprocessing=normalization()),
    "features": lambda: small(include_top=False),
    "sequential": lambda: keras.Sequential([keras.Input((32, 32, 3)), normalization(), small(), keras.layers.ReLU()]),
}

#: Number of parts for LiteRT's delegate, where not 1. It has no op for what Keras' adaptive pooling does: gather.
PARTS = {"spa, of uneven parts": 5}


def randomized(model):
    """Gives batch norms, and what starts at zero, values as of a trained net, so that no mistake with them can hide."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name.endswith(("gamma", "beta", "mean", "variance", "weight", "weights", "scale", "shift")):
            weight.assign(weight + 0.1 * random.uniform(size=weight.shape))
    return model


def assert_near(path, model, images, part):
    """The answers of the file differ by less than this part of how much the model's differ between the images."""
    expected = model.predict(images, verbose=0)
    assert np.abs(ask(path, images) - expected).max() < part * np.ptp(expected, axis=0).max()


@pytest.mark.parametrize("net", NETS)
def test_every_format_answers_as_the_model_does(net, tmp_path):
    model = randomized(NETS[net]())
    height, width = model.input_shape[1:3]
    images = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), "uint8")
    expected = model.predict(images, verbose=0)
    for format, (to_format, name) in FORMATS.items():
        report = to_format(model, tmp_path / name)
        assert report.format == format and report.path == tmp_path / name
        assert report.max_difference < 1e-5 and report.seconds > 0
        assert report.partitions == (PARTS.get(net, 1) if format == "tflite" else None)
        np.testing.assert_allclose(ask(report.path, images), expected, rtol=1e-4, atol=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == {name for _, name in FORMATS.values()}


@pytest.mark.parametrize("format", FORMATS)
def test_size_is_that_of_the_file(format, tmp_path):
    to_format, name = FORMATS[format]
    report = to_format(small(), tmp_path / name)
    files = [report.path] if report.path.is_file() else [p for p in report.path.rglob("*") if p.is_file()]
    assert report.size_bytes == sum(len(path.read_bytes()) for path in files) > 4 * small().count_params()


@pytest.mark.parametrize("input_dtype", ["uint8", "float32"])
@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_file_takes_the_dtype_asked_for(format, input_dtype, tmp_path):
    import onnxruntime
    from ai_edge_litert.interpreter import Interpreter

    to_format, name = FORMATS[format]
    path = str(to_format(small(), tmp_path / name, input_dtype=input_dtype).path)
    if format == "onnx":
        takes = onnxruntime.InferenceSession(path).get_inputs()[0].type
        assert takes == {"uint8": "tensor(uint8)", "float32": "tensor(float)"}[input_dtype]
    else:
        assert Interpreter(path).get_input_details()[0]["dtype"] == np.dtype(input_dtype)


def test_labels_and_normalization_travel_with_every_file(tmp_path):
    import onnx

    labels = [f"class {i}" for i in range(10)]
    paths = {
        format: to_format(small(), tmp_path / name, labels=labels, resize="center").path
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


@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_saved_model_of_many_weights_has_them_as_variables(activation, monkeypatch, tmp_path):
    saved_model = importlib.import_module("dia_keras.export.saved_model.writer")
    small_net = randomized(small(attention="dia_lstm"))
    inputs = keras.Input(small_net.input_shape[1:])
    model = keras.Model(inputs, keras.layers.Dense(3, activation)(keras.layers.Dropout(0.5)(small_net(inputs))))
    images = load_samples()[0]
    as_constants = export.to_saved_model(model, tmp_path / "constants", images)
    monkeypatch.setattr(saved_model, "CONSTANTS", model.count_params() - 1)
    as_variables = export.to_saved_model(model, tmp_path / "variables", images)
    np.testing.assert_allclose(ask(as_variables.path, images), model.predict(images, verbose=0), rtol=1e-4, atol=1e-5)
    assert as_variables.ops == as_constants.ops
    sizes = [
        sum(path.stat().st_size for path in (report.path / "variables").iterdir())
        for report in (as_constants, as_variables)
    ]
    assert sizes[0] < 1000 < 3 * small_net.count_params() < sizes[1]


def test_saved_model_decodes_and_resizes_image_files(tmp_path):
    import tensorflow as tf

    model = small()
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

    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(ask_files("PNG", images), expected, atol=1e-5)
    wider = np.pad(larger, ((0, 0), (0, 0), (40, 40), (0, 0)))
    np.testing.assert_allclose(ask_files("PNG", wider), ask_files("PNG", larger), atol=1e-5)
    np.testing.assert_allclose(ask_files("PNG", larger), expected, atol=0.02)
    np.testing.assert_allclose(ask_files("JPEG", larger), expected, atol=0.02)
    pixel = np.full((1, 1, 100, 3), 128, "uint8")  # a row, of which the middle is less than one
    answer = model.predict(np.full((1, 32, 32, 3), 128, "uint8"), verbose=0)
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
            np.testing.assert_allclose(answer, model.predict(seen, verbose=0), atol=atol, err_msg=rule)
            found[rule, atol] = answer
    rules = get_args(Resize)
    assert all(np.abs(found[a, 0.02] - found[b, 0.02]).max() > 0.02 for a, b in itertools.combinations(rules, 2))


def test_report_tells_what_is_in_the_file_and_how_right_it_is(tmp_path):
    model, images = small(attention="dia_lstm"), load_samples()[0]
    labels = model.predict(images, verbose=0).argmax(-1)
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
    model = backbones.resnet(20, attention="dia_lstm", preprocessing=normalization())
    for format, (to_format, name) in FORMATS.items():
        ops = [sum(to_format(model, tmp_path / name, optimize=optimize).ops.values()) for optimize in (True, False)]
        assert ops[0] < ops[1], format


def with_close_scores():
    """Returns a model of which int8 cannot tell two scores apart, since the third is so far away."""
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3)(pooled))
    model.layers[-1].set_weights([np.diag([1, 1, 0]), np.array([0, 0, -9000])])
    return model


@pytest.mark.parametrize("exporter", ["tflite", "onnx"])
def test_report_says_how_often_a_quantized_file_has_the_same_best_class(exporter, tmp_path, caplog):
    to_format, name = FORMATS[exporter]
    model, images = with_close_scores(), np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), "uint8")
    options = {"quantize": "int8"} if exporter == "tflite" else {}
    if options:
        options["representative"] = images[2:]
    report = to_format(model, tmp_path / name, images[:2] if options else images, **options)
    same = (ask(report.path, images).argmax(-1) == model.predict(images, verbose=0).argmax(-1)).mean()
    assert report.agreement == same
    shown = Console(width=200)
    with shown.capture() as output:
        shown.print(table([report]))
    records = [record for record in caplog.records if record.name == "dia_keras"]  # TensorFlow tells of its own, too
    if exporter == "onnx":
        assert same == 1 and not records and "same top-1" not in output.get()
    else:
        assert same < 0.8 and f"{100 * same:.2f}" in output.get()
        (record,) = records
        assert f"the same best class on {100 * same:.1f}% of 40 images only" in record.getMessage()


@pytest.mark.filterwarnings("ignore:.*does not have a `quantize` method:UserWarning")
@pytest.mark.parametrize("attention", ["se", "cbam", "dia_lstm"])
def test_model_quantized_by_keras_is_exported_where_the_format_can_hold_it(attention, tmp_path):
    model, images = randomized(small(attention=attention)), load_samples()[0]
    model.quantize("int8")
    expected = model.predict(images, verbose=0)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-6)
    for format in ("saved_model", "onnx"):
        to_format, name = FORMATS[format]
        path = to_format(model, tmp_path / name).path
        np.testing.assert_allclose(ask(path, images), expected, atol=1e-4)
    with pytest.raises(ValueError, match="`model` must be in float for tflite: use the argument `quantize`"):
        export.to_tflite(model, tmp_path / "model.tflite")
    assert not (tmp_path / "model.tflite").exists()


def test_models_without_classes_have_no_best_class(tmp_path):
    assert export.to_onnx(small(include_top=False), tmp_path / "model.onnx").agreement is None


def test_onnx_in_int8_is_smaller_and_answers_nearly_the_same(tmp_path):
    model, images = randomized(small(attention="dia_lstm", classifier_activation=None)), load_samples()[0]
    report = export.to_onnx(model, tmp_path / "model.onnx", quantize="int8", representative=images)
    assert_near(report.path, model, images, 0.05)
    assert report.quantize == "int8" and report.ops["QuantizeLinear"] > 0
    assert report.size_bytes < 0.5 * export.to_onnx(model, tmp_path / "full.onnx").size_bytes


def test_grouped_convolutions_stay_grouped_in_onnx(tmp_path):
    import onnx

    path = export.to_onnx(backbones.resnext(11, 8, 4), tmp_path / "model.onnx", input_dtype="uint8").path
    convs = [node for node in onnx.load(path).graph.node if node.op_type == "Conv"]
    groups = [a.i for node in convs for a in node.attribute if a.name == "group"]
    assert groups.count(8) == 3 and groups.count(1) == len(convs) - 3


def test_grouped_convolutions_stay_grouped_in_tflite_and_are_split_in_a_saved_model(tmp_path):
    """TensorFlow, which runs the SavedModel, has none for a CPU; LiteRT has."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    model = backbones.resnext(11, 8, 4, preprocessing=normalization())
    path = export.to_tflite(model, tmp_path / "model.tflite").path
    operators = [op["op_name"] for op in Interpreter(str(path))._get_ops_details()]
    convs = sum(isinstance(layer, keras.layers.Conv2D) for layer in model.layers)
    assert operators.count("CONV_2D") == convs and "CONCATENATION" not in operators
    graph = tf.saved_model.load(str(export.to_saved_model(model, tmp_path / "model").path))
    functions = graph.signatures["serving_default"].graph.as_graph_def().library.function
    nodes = [node.op for function in functions for node in function.node_def]
    assert nodes.count("Conv2D") in [copies * (convs - 3 + 3 * 8) for copies in range(1, 9)]
    assert nodes.count("ConcatV2") >= 3
    assert not any(function.attr["_XlaMustCompile"].b for function in functions)


def test_onnx_names_its_batch_and_has_the_opset_asked_for(tmp_path):
    import onnx

    proto = onnx.load(export.to_onnx(small(), tmp_path / "model.onnx", opset=15).path)
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
    np.testing.assert_allclose(ask(path, images), model.predict(images, verbose=0), atol=1e-5)


def test_optimizer_of_tf2onnx_that_fails_is_left_out(monkeypatch, tmp_path):
    import tf2onnx.optimizer

    calls = []

    class Failing:
        def optimize(self, graph, iteration):
            calls.append(graph)
            raise RuntimeError("no")

    monkeypatch.setitem(tf2onnx.optimizer._optimizers, "einsum_optimizer", Failing)
    model, images = small(), load_samples()[0]
    path = export.to_onnx(model, tmp_path / "model.onnx").path
    assert len(calls) > 1 and "TF2ONNX_CATCH_ERRORS" not in os.environ
    np.testing.assert_allclose(ask(path, images), model.predict(images, verbose=0), atol=1e-5)


@pytest.mark.parametrize(
    ("quantize", "bytes_a_weight", "dtype"),
    [("float16", 2, "float16"), ("dynamic", 1, "int8"), ("int8", 1, "int8"), ("int16x8", 1, "int8")],
)
def test_quantized_tflite_is_smaller_and_answers_nearly_the_same(quantize, bytes_a_weight, dtype, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    model = randomized(small(attention="dia_lstm", classifier_activation=None))
    images = load_samples()[0]
    path = tmp_path / "model.tflite"
    report = export.to_tflite(model, path, quantize=quantize, representative=images if "int" in quantize else None)
    assert_near(path, model, images, 0.05)
    assert report.partitions == (0 if quantize == "int16x8" else 1)
    assert report.size_bytes < (bytes_a_weight + 0.7) * model.count_params()
    tensors = Interpreter(str(path)).get_tensor_details()
    kernels = [tensor["dtype"] for tensor in tensors if tuple(tensor["shape"]) == (64, 3, 3, 64)]
    assert np.dtype(dtype) in [np.dtype(kernel) for kernel in kernels]


@pytest.mark.parametrize("net", [name for name in NETS if name not in ("features", "sequential")])
def test_integer_file_is_one_part_for_the_delegate(net, tmp_path):
    model = randomized(NETS[net]())
    height, width = model.input_shape[1:3]
    images = np.tile(load_samples()[0], (1, 2, 2, 1))[:, :height, :width]
    report = export.to_tflite(model, tmp_path / "model.tflite", quantize="int8", representative=images)
    assert report.partitions == PARTS.get(net, 1)
    assert_near(report.path, model, images, 0.05)


def test_op_that_the_delegate_has_in_no_form_stays_in_int8(tmp_path):
    """To leave it in float would gain nothing; the square root beside it is left in float."""
    from ai_edge_litert.interpreter import Interpreter

    inputs = keras.Input((8, 8, 3))
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    features = keras.layers.Conv2D(4, 3)(keras.ops.flip(keras.layers.Conv2D(4, 1)(scaled), axis=2))
    model = keras.Model(inputs, keras.layers.Dense(5)(keras.ops.sqrt(keras.ops.var(features, (1, 2)))))
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), "uint8")
    path = export.to_tflite(model, tmp_path / "model.tflite", quantize="int8", representative=images).path
    interpreter = Interpreter(str(path))
    tensors = {tensor["index"]: tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    dtypes = {op["op_name"]: tensors[op["outputs"][0]] for op in interpreter._get_ops_details()}
    assert dtypes["REVERSE_V2"] == np.int8 and dtypes["SQRT"] == np.float32
    assert_near(path, model, images, 0.15)


def test_integer_file_computes_in_integers(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    images = load_samples()[0]
    path = export.to_tflite(small(), tmp_path / "model.tflite", quantize="int8", representative=images).path
    details = Interpreter(str(path)).get_tensor_details()
    maps = [np.dtype(t["dtype"]) for t in details if len(t["shape"]) == 4 and t["shape"][0] == 1 and t["shape"][1] > 1]
    floats = [dtype for dtype in maps if dtype == np.float32]
    assert len(floats) == 1, "only the images themselves are float"


def test_ranges_of_activations_are_those_that_the_model_gives():
    """TFLite's own calibrator reads what an op took in after the op, which may have put its result in its place."""
    import tensorflow as tf
    from tensorflow.lite.tools import flatbuffer_utils

    from dia_keras.export.tflite.calibration import calibrated
    from dia_keras.export.tflite.op_names import op_name

    function = tf.function(lambda images: tf.reduce_mean(tf.cast(images, "float32") - 100.0, (1, 2)))
    signature = function.get_concrete_function(tf.TensorSpec((1, 8, 8, 3), "uint8"))
    content = tf.lite.TFLiteConverter.from_concrete_functions([signature]).convert()
    images = np.random.default_rng(0).integers(10, 201, (5, 1, 8, 8, 3), "uint8")
    images[3, 0, 0, 0] = 10, 100, 200
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(calibrated(content, images)))
    (graph,) = model.subgraphs
    outputs = {op_name(model, op): op.outputs[0] for op in graph.operators}
    found = {name: graph.tensors[index].quantization for name, index in outputs.items()}
    assert (found["CAST"].min, found["CAST"].max) == ([10], [200])
    assert (found["SUB"].min, found["SUB"].max) == ([-90], [100])
    means = images.mean((2, 3)) - 100
    np.testing.assert_allclose([*found["MEAN"].min, *found["MEAN"].max], [means.min(), means.max()], rtol=1e-5)
    assert graph.outputs == [outputs["MEAN"]], "as before"


def test_maps_keep_their_range_where_their_largest_values_are_taken_too():
    """TFLite's quantizer gives what a maximum takes the scale of its result, and would cut off the smaller values."""
    import tensorflow as tf
    from tensorflow.lite.tools import flatbuffer_utils

    from dia_keras.export.tflite.calibration import calibrated
    from dia_keras.export.tflite.op_names import op_name

    def largest_and_means(images):
        maps = images * 0.5 - 40.0
        return tf.concat([tf.reduce_max(maps, -1, keepdims=True), tf.reduce_mean(maps, -1, keepdims=True)], -1)

    signature = tf.function(largest_and_means).get_concrete_function(tf.TensorSpec((1, 4, 4, 3), "float32"))
    content = tf.lite.TFLiteConverter.from_concrete_functions([signature]).convert()
    images = np.random.default_rng(0).uniform(0, 100, (5, 1, 4, 4, 3)).astype("float32")
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(calibrated(content, images)))
    (graph,) = model.subgraphs
    ranges = {op_name(model, op): graph.tensors[op.outputs[0]].quantization for op in graph.operators}
    maps = images * 0.5 - 40.0
    for op in ("SUB", "REDUCE_MAX", "MEAN", "CONCATENATION"):
        np.testing.assert_allclose([*ranges[op].min, *ranges[op].max], [maps.min(), maps.max()], rtol=1e-5)


def test_file_of_integers_alone(tmp_path):
    """As Edge TPUs and microcontrollers want it."""
    from ai_edge_litert.interpreter import Interpreter

    model, images = randomized(small(attention="dia_lstm", classifier_activation=None)), load_samples()[0]
    options = {"quantize": "int8", "input_dtype": "int8", "representative": images}
    report = export.to_tflite(model, tmp_path / "model.tflite", images, **options)
    interpreter = Interpreter(str(report.path))
    (takes,), (gives,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert takes["dtype"] == gives["dtype"] == np.int8 and takes["quantization"] == (1.0, -128)
    assert not {tensor["dtype"] for tensor in interpreter.get_tensor_details()} & {np.float32, np.float16}
    assert report.partitions == 1
    scale, zero = gives["quantization"]
    answers = interpreter.get_signature_runner()
    found = [answers(images=(image.astype("int16") - 128).astype("int8")[None])["predictions"] for image in images]
    found, expected = (np.concatenate(found) - float(zero)) * scale, model.predict(images, verbose=0)
    assert np.abs(found - expected).max() < 0.05 * np.ptp(expected, axis=0).max()
    assert report.max_difference < 0.05 * np.ptp(expected, axis=0).max()


def test_model_that_ends_in_float_is_not_one_of_integers_alone(tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.ops.sin(keras.ops.mean(inputs / 255, (1, 2))))
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), "uint8")
    options = {"quantize": "int8", "input_dtype": "int8", "representative": images}
    with pytest.raises(ValueError, match=r"`model` must begin and end with ops .* takes int8 and gives float32"):
        export.to_tflite(model, tmp_path / "model.tflite", images, **options)


def with_dead_unit():
    """Returns a model whose hidden layer gives zero for all images, so that it has no range."""
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    dead = keras.layers.Dense(1, "relu", bias_initializer=keras.initializers.Constant(-9))(pooled)
    scores = keras.layers.Add()([keras.layers.Dense(4)(pooled), keras.layers.Dense(4)(dead)])
    return keras.Model(inputs, keras.layers.Softmax()(scores))


def test_unit_that_is_dead_for_all_representative_images_stays_in_float(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    model = with_dead_unit()
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8")
    report = export.to_tflite(model, tmp_path / "model.tflite", quantize="int8", representative=images)
    tensors = Interpreter(str(report.path)).get_tensor_details()
    kernels = {tuple(tensor["shape"]): tensor["dtype"] for tensor in tensors if tensor["name"].endswith("MatMul")}
    assert kernels == {(1, 3): np.float32, (4, 3): np.int8, (4, 1): np.int8}
    assert_near(report.path, model, images, 0.15)


def test_depthwise_convolution_that_is_dead_stays_in_float(tmp_path):
    inputs = keras.Input((8, 8, 3))
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    dead = keras.layers.DepthwiseConv2D(1, activation="relu", bias_initializer=keras.initializers.Constant(-9))(scaled)
    both = keras.layers.Add()([keras.layers.Conv2D(4, 1)(scaled), keras.layers.Conv2D(4, 1)(dead)])
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(both))
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8")
    report = export.to_tflite(model, tmp_path / "model.tflite", quantize="int8", representative=images)
    assert_near(report.path, model, images, 0.1)


def test_ops_that_tflite_has_not_in_int16_compute_in_float(tmp_path):
    model = randomized(small(attention="srm", classifier_activation=None))
    images = load_samples()[0]
    report = export.to_tflite(model, tmp_path / "model.tflite", quantize="int16x8", representative=images)
    assert report.ops["SQRT"] == report.ops["DEQUANTIZE"] - 1 == 3, "one in each block, and the predictions"
    assert_near(report.path, model, images, 0.05)


@pytest.mark.parametrize(("quantize", "difference"), [("int8", 0.05), ("int16x8", 0.002)])
def test_calls_that_share_a_bias_have_it_in_their_own_scales(quantize, difference, tmp_path):
    """As in a unit that blocks share: the same layer on inputs of other ranges."""
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    shared = keras.layers.Dense(4, "sigmoid", bias_initializer=keras.initializers.Constant([-2, -1, 1, 2]))
    model = keras.Model(inputs, keras.layers.Subtract()([shared(pooled), shared(keras.ops.exp(-5 * pooled))]))
    images = np.random.default_rng(0).integers(0, 256, (20, 1, 1, 3), "uint8").repeat(8, 1).repeat(8, 2)
    report = export.to_tflite(model, tmp_path / "model.tflite", images, quantize=quantize, representative=images)
    assert report.max_difference < difference


@pytest.mark.parametrize("attention", ["dia_lstm", "dia_lstm_light", "lstm"])
def test_shared_units_are_as_exact_in_int16_as_the_rest(attention, tmp_path):
    """The biases are so large that those of one call in the scale of another would exceed the bound."""
    keras.utils.set_random_seed(0)
    model = backbones.resnet(
        14, "basic", attention=attention, preprocessing=normalization(), classifier_activation=None
    )
    random = np.random.default_rng(1)
    for weight in randomized(model).weights:
        if "attention" in weight.path and weight.name.endswith("bias"):
            weight.assign(random.normal(0, 2, weight.shape))
    images = load_samples()[0]
    report = export.to_tflite(model, tmp_path / "model.tflite", quantize="int16x8", representative=images)
    assert_near(report.path, model, images, 0.025)


@pytest.mark.parametrize(
    "op",
    [
        lambda x: keras.ops.sum(x, axis=(1, 2)),
        lambda x: keras.layers.Flatten()(keras.layers.LayerNormalization()(x)),
        lambda x: keras.ops.var(x, (1, 2)),
    ],
    ids=["sum", "layer normalization", "variance"],
)
def test_ops_that_tflite_gets_wrong_in_int16_are_written_otherwise(op, tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, op(keras.layers.Rescaling(1 / 255)(inputs)))
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), "uint8")
    report = export.to_tflite(model, tmp_path / "model.tflite", images, quantize="int16x8", representative=images)
    assert_near(report.path, model, images, 0.02)


@pytest.mark.parametrize("activation", ["silu", "gelu", "mish", "softplus", "hard_silu", "leaky_relu", "elu"])
def test_activations_of_keras_are_exported(activation, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, activation=activation)(keras.layers.Rescaling(1 / 128, -1)(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), "uint8")
    for to_format, name in FORMATS.values():
        assert to_format(model, tmp_path / name, images).max_difference < 1e-5
    for quantize in ("int8", "int16x8"):
        path = export.to_tflite(model, tmp_path / "m.tflite", images, quantize=quantize, representative=images).path
        assert_near(path, model, images, 0.1)
    path = export.to_onnx(model, tmp_path / "m.onnx", images, quantize="int8", representative=images).path
    assert_near(path, model, images, 0.1)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_images_of_any_float_are_taken(dtype, tmp_path):
    images = (load_samples()[0] / 255).astype(dtype)
    model = backbones.resnet(8, "basic")
    for to_format, name in FORMATS.values():
        assert to_format(model, tmp_path / name, images).max_difference < 1e-5


def test_saved_model_of_float_images_takes_no_pixels(tmp_path):
    import tensorflow as tf

    path = export.to_saved_model(backbones.resnet(8, "basic"), tmp_path / "model", load_samples()[0] / 255).path
    assert list(tf.saved_model.load(str(path)).signatures) == ["serving_default"]


def test_saved_model_of_float_images_has_its_accuracy_measured_on_pixels(tmp_path):
    images, model = load_samples()[0], small()
    labels = model.predict(images, verbose=0).argmax(-1)
    floats = images.astype("float32")
    assert export.to_saved_model(model, tmp_path / "model", floats, test=(images, labels)).top1 == 1.0


def test_output_alone_in_a_list_is_exported(tmp_path):
    single, images = small(), load_samples()[0]
    model = keras.Model(inputs=[single.input], outputs=[single.output])
    for to_format, name in FORMATS.values():
        path = to_format(model, tmp_path / name).path
        np.testing.assert_allclose(ask(path, images), single.predict(images, verbose=0), atol=1e-5)


@pytest.mark.parametrize(("exporter", "name"), [FORMATS["tflite"], FORMATS["onnx"]])
def test_float_images_of_any_argument_make_the_file_take_float(exporter, name, tmp_path):
    model, images = small(classifier_activation=None), load_samples()[0].astype("float32")
    labels = model.predict(images, verbose=0).argmax(-1)
    assert exporter(model, tmp_path / name, test=(images, labels[:, None])).top1 == 1
    path = exporter(model, tmp_path / name, quantize="int8", representative=images).path
    assert_near(path, model, images, 0.1)


def test_unit_that_is_dead_for_all_representative_images_is_exported_in_int16(tmp_path):
    model = with_dead_unit()
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8")
    path = tmp_path / "model.tflite"
    report = export.to_tflite(model, path, images, quantize="int16x8", representative=images)
    assert report.max_difference < 0.005


def test_unit_whose_gates_are_constants_is_exported_in_int16(tmp_path):
    """The element-wise maps of DIA-LSTM (Light) multiply by zero before training."""
    model = backbones.resnet(8, "basic", attention="dia_lstm_light", preprocessing=normalization())
    images = load_samples()[0]
    report = export.to_tflite(model, tmp_path / "model.tflite", images, quantize="int16x8", representative=images)
    assert report.max_difference < 0.005
    assert report.ops["LOGISTIC"] == 3, "that of the cell state in each block; no gate is left"


def test_integer_file_that_the_runtime_cannot_run_is_one_clear_error(tmp_path):
    """Here, LiteRT takes no transposed convolution that is dead, and so without a range."""
    dead = keras.layers.Conv2DTranspose(4, 2, activation="relu", bias_initializer=keras.initializers.Constant(-9))
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), dead, keras.layers.Conv2D(4, 1)])
    (tmp_path / "model.tflite").write_text("old")
    images = np.random.default_rng(0).integers(0, 256, (10, *model.input_shape[1:]), "uint8")
    with pytest.raises(ValueError, match=r"LiteRT cannot run the exported file, and nothing was.* failed to"):
        export.to_tflite(model, tmp_path / "model.tflite", quantize="int8", representative=images)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("quantize", ["int8", "int16x8"])
def test_loop_is_not_quantized_to_integers(quantize, tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.SimpleRNN(2)(keras.layers.Reshape((8, 24))(inputs)))
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), "uint8")
    with pytest.raises(ValueError, match=r"`model` must have no loops .* Received: model with .*while"):
        export.to_tflite(model, tmp_path / "model.tflite", quantize=quantize, representative=images)
    assert not list(tmp_path.iterdir())


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
        np.testing.assert_allclose(answer, model.predict(images, verbose=0), atol=1e-5)


def test_mixed_precision_is_exported_in_float32(tmp_path):
    twin = small(attention="dia_lstm")
    images = load_samples()[0]
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small(attention="dia_lstm")
        model.set_weights(twin.get_weights())
        path = export.to_onnx(model, tmp_path / "model.onnx").path
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_allclose(ask(path, images), twin.predict(images, verbose=0), atol=1e-5)
    assert model.layers[2].compute_dtype == "bfloat16"


def test_normalization_of_mixed_precision_is_exported_as_adapted(tmp_path):
    images, norm = load_samples()[0], keras.layers.Normalization()
    norm.adapt(images.astype("float32"))
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = backbones.resnet(8, "basic", preprocessing=norm)
    keras.config.set_dtype_policy("float32")
    path = export.to_onnx(model, tmp_path / "model.onnx").path
    np.testing.assert_allclose(ask(path, images), model.predict(images, verbose=0).astype("float32"), atol=0.03)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_network_within_a_model_of_operations_is_exported(policy, tmp_path):
    """As in transfer learning. The network has a layer `Add`, the model an operation `Add`."""
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((32, 32, 3))
        features = small(attention="dia_lstm", include_top=False)(inputs)
        outputs = keras.layers.Dense(3, dtype="float32")(keras.ops.mean(features, axis=(1, 2)) + 1)
        model = keras.Model(inputs, outputs)
        report = export.to_tflite(model, tmp_path / "model.tflite")
    finally:
        keras.config.set_dtype_policy("float32")
    assert report.max_difference < 1e-4
    assert report.ops["CONV_2D"] == 9 and "SUB" in report.ops


@pytest.mark.parametrize("format", FORMATS)
def test_wrong_file_raises_and_leaves_nothing(format, tmp_path, monkeypatch):
    to_format, name = FORMATS[format]
    module = importlib.import_module(f"dia_keras.export.{format}.writer")
    write, other = module.write, small()
    monkeypatch.setattr(module, "write", lambda model, *request: write(other, *request))
    with pytest.raises(export.ExportMismatchError, match="more than `tolerance` allows"):
        to_format(small(), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", FORMATS)
def test_failed_export_leaves_the_existing_file_and_a_good_one_replaces_it(format, tmp_path, monkeypatch):
    to_format, name = FORMATS[format]
    path = to_format(small(), tmp_path / name).path

    def content():
        return {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    before = content()
    model = small()
    module = importlib.import_module(f"dia_keras.export.{format}.writer")
    write = module.write

    def write_and_fail(*arguments):
        write(*arguments)
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write", write_and_fail)
        with pytest.raises(OSError, match="No space left"):
            to_format(model, path)
    assert content() == before
    to_format(model, path)
    images = load_samples()[0]
    np.testing.assert_allclose(ask(path, images), model.predict(images, verbose=0), atol=1e-5)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("format", FORMATS)
def test_full_disk_is_not_an_error_of_the_model(format, tmp_path, monkeypatch):
    import tensorflow as tf

    def fail(*arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "model/variables: No space left on device")

    to_format, name = FORMATS[format]
    monkeypatch.setattr(importlib.import_module(f"dia_keras.export.{format}.writer"), "write", fail)
    with pytest.raises(OSError, match=rf"No space left on device: '.*{name}'"):
        to_format(small(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_file_with_a_fixed_batch_is_not_taken_for_a_free_one(tmp_path, monkeypatch):
    module = importlib.import_module("dia_keras.export.onnx.writer")
    freeze = module.freeze
    monkeypatch.setattr(module, "freeze", lambda model, **options: freeze(model, len(load_samples()[0]), **options))
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    with pytest.raises(Exception, match=r"(?i)shape|dimension"):
        export.to_onnx(model, tmp_path / "model.onnx", load_samples()[0])
    assert not list(tmp_path.iterdir())


def test_nan_is_a_mismatch(tmp_path):
    model = small()
    model.get_layer("classifier").bias.assign(np.full(10, np.nan))
    with pytest.raises(export.ExportMismatchError, match="differs by nan"):
        export.to_tflite(model, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())


def test_jax_model_is_exported_by_a_tensorflow_process(tmp_path):
    code = """
import keras, numpy as np
from dia_keras import export
from dia_keras.samples import load_samples
from dia_keras.units import DIALSTMCell, RecurrentAttention
assert keras.backend.backend() == "jax"
unit = RecurrentAttention(DIALSTMCell(16))
inputs = keras.Input((32, 32, 3))
x, states = unit(keras.layers.Conv2D(16, 3, use_bias=False)(inputs))
x, states = unit(keras.layers.Conv2D(16, 3, groups=4)(x), states)
outputs = keras.layers.Dense(10, "softmax", name="classifier")(keras.layers.GlobalAveragePooling2D()(x))
model = keras.Model(inputs, outputs)
images = load_samples()[0][:3] / 255
np.savez("answers.npz", images=images, expected=model.predict(images, verbose=0))
report = export.to_tflite(model, "model.tflite", images, batch_size=3)
assert report.max_difference < 1e-5, report
model.get_layer("classifier").bias.assign(np.full(10, np.nan))
try:
    export.to_onnx(model, "nan.onnx", images)
except export.ExportMismatchError as error:
    assert "nan" in str(error), error
else:
    raise AssertionError("NaN passed")
"""
    root = Path(export.__file__).parents[2]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    with np.load(tmp_path / "answers.npz") as file:
        arrays = dict(file)
    answers = ask(tmp_path / "model.tflite", arrays["images"])
    np.testing.assert_allclose(answers, arrays["expected"], atol=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == {"answers.npz", "model.tflite"}


#: Leaves a mark when it runs in the TensorFlow process. In the other process, Keras itself looks for TensorFlow.
TRAP = """
import os, pathlib
if os.environ["KERAS_BACKEND"] == "tensorflow":
    pathlib.Path(__file__).with_suffix(".ran").touch()
raise ImportError("code of the current folder ran")
"""

FROM_JAX = """
import keras
from dia_keras import export
assert keras.backend.backend() == "jax"
model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
assert export.to_onnx(model, "model.onnx", input_dtype="uint8").max_difference < 1e-4
"""


@pytest.mark.parametrize("start", ["safe path", "script"])
def test_code_in_the_current_folder_does_not_run(start, tmp_path):
    """Not even where this process looks there first, as it does for the folder of a script."""
    traps = {"tensorflow"} | ({"keras", "numpy", "dia_keras", "json"} if start == "safe path" else set())
    for name in traps:
        (tmp_path / f"{name}.py").write_text(TRAP)
    (tmp_path / "mine.py").write_text(FROM_JAX)
    arguments = ["mine.py"] if start == "script" else ["-P", "-c", FROM_JAX]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(export.__file__).parents[2])}
    subprocess.run([sys.executable, *arguments], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "model.onnx").is_file() and not list(tmp_path.glob("*.ran"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("libx.so: cannot open"), "libx.so: cannot open"),
        (OSError(28, "No space left on device"), r"\[Errno 28\] No space left on device: '.*model.onnx'"),
        (PermissionError(13, "Permission denied", "/data"), r"\[Errno 13\] Permission denied: '/data'"),
    ],
)
def test_system_errors_of_the_tensorflow_process_keep_their_message(error, expected, tmp_path, monkeypatch):
    from dia_keras.export import conversion
    from dia_keras.export.request import Request

    def fail(*arguments):
        raise error

    def in_this_process(command, **options):
        conversion.answer_request(Path(command[-1]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(conversion, "_converted_and_compared", fail)
    monkeypatch.setattr(conversion.subprocess, "run", in_this_process)
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()])
    request = Request("onnx", tmp_path / "model.onnx", np.zeros((1, 8, 8, 3), "float32"))
    with pytest.raises(type(error), match=f"^{expected}$"):
        conversion._in_tensorflow_process(model, request, np.zeros((1, 3)))


def test_model_that_the_tensorflow_process_cannot_load_is_one_clear_error(tmp_path):
    from dia_keras.export.conversion import answer_request
    from dia_keras.export.request import Request

    class Own(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, Own()(inputs)).save(tmp_path / "model.keras")
    np.save(tmp_path / "expected.npy", np.zeros((1, 8, 8, 3)))
    Request("onnx", tmp_path / "model.onnx", np.zeros((1, 8, 8, 3), "float32")).save(tmp_path)
    answer_request(tmp_path)
    answer = json.loads((tmp_path / "result.json").read_text())
    assert answer["value"].startswith(
        "`model` must load in a process of TensorFlow: its own layers must be in a module"
    )
