"""Exported files answer as their models do."""

import importlib

import keras
import numpy as np
import pytest
from exported import FORMATS, NETS, PARTS, answers_of, assert_near, normalization, one_block, randomized, small
from files import ask

from dia_keras import backbones, export
from dia_keras.samples import load_samples

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize("net", NETS)
def test_every_format_answers_as_the_model_does(net, tmp_path):
    model = randomized(NETS[net]())
    height, width = model.input_shape[1:3]
    images = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), "uint8")
    expected = answers_of(model, images)
    for format, (to_format, name) in FORMATS.items():
        report = to_format(model, tmp_path / name)
        assert report.format == format and report.path == tmp_path / name
        assert report.max_difference < 1e-5 and report.seconds > 0
        assert report.partitions == (PARTS.get(net, 1) if format == "tflite" else None)
        np.testing.assert_allclose(ask(report.path, images), expected, rtol=1e-4, atol=1e-5)
    assert {path.name for path in tmp_path.iterdir()} == {name for _, name in FORMATS.values()}


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
    np.testing.assert_allclose(ask(as_variables.path, images), answers_of(model, images), rtol=1e-4, atol=1e-5)
    assert as_variables.ops == as_constants.ops
    sizes = [
        sum(path.stat().st_size for path in (report.path / "variables").iterdir())
        for report in (as_constants, as_variables)
    ]
    assert sizes[0] < 1000 < 3 * small_net.count_params() < sizes[1]


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


@pytest.mark.filterwarnings("ignore:.*does not have a `quantize` method:UserWarning")
@pytest.mark.parametrize("attention", ["se", "cbam", "dia_lstm"])
def test_model_quantized_by_keras_is_exported_where_the_format_can_hold_it(attention, tmp_path):
    model, images = randomized(small(attention=attention)), load_samples()[0]
    model.quantize("int8")
    expected = answers_of(model, images)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(answers_of(model, images), expected, atol=1e-6)
    for format in ("saved_model", "onnx"):
        to_format, name = FORMATS[format]
        path = to_format(model, tmp_path / name).path
        np.testing.assert_allclose(ask(path, images), expected, atol=1e-4)
    with pytest.raises(ValueError, match="`model` must be in float for tflite: use the argument `quantize`"):
        export.to_tflite(model, tmp_path / "model.tflite")
    assert not (tmp_path / "model.tflite").exists()


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


def test_output_alone_in_a_list_is_exported(tmp_path):
    single, images = one_block(), load_samples()[0]
    model = keras.Model(inputs=[single.input], outputs=[single.output])
    for to_format, name in FORMATS.values():
        path = to_format(model, tmp_path / name).path
        np.testing.assert_allclose(ask(path, images), answers_of(single, images), atol=1e-5)


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
    np.testing.assert_allclose(ask(path, images), answers_of(twin, images), atol=1e-5)
    assert model.layers[2].compute_dtype == "bfloat16"


def test_normalization_of_mixed_precision_is_exported_as_adapted(tmp_path):
    images, norm = load_samples()[0], keras.layers.Normalization()
    norm.adapt(images.astype("float32"))
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = backbones.resnet(8, "basic", preprocessing=norm)
    keras.config.set_dtype_policy("float32")
    path = export.to_onnx(model, tmp_path / "model.onnx").path
    np.testing.assert_allclose(ask(path, images), answers_of(model, images).astype("float32"), atol=0.03)


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
