"""Quantized files answer nearly as their models do."""

import keras
import numpy as np
import pytest
from exported import FORMATS, NETS, PARTS, answers_of, assert_near, normalization, one_block, randomized, small
from files import ask
from rich.console import Console

import dia_keras
from dia_keras import backbones, export
from dia_keras.export.report import table
from dia_keras.samples import load_samples

pytestmark = pytest.mark.tensorflow


def test_images_that_are_not_pixel_values_are_a_warning(tmp_path):
    model, images = one_block(), load_samples()[0]
    with pytest.warns(dia_keras.PixelRangeWarning, match="`representative` has images .* values from 0 to 1") as given:
        export.to_onnx(model, tmp_path / "x.onnx", quantize="int8", representative=images / 255, tolerance=2)
    assert given[0].filename == __file__, "the line that exports"
    test = (images - 120.0, np.zeros(len(images), int))
    with pytest.warns(dia_keras.PixelRangeWarning, match="`test` has images .* a mean was subtracted from"):
        export.to_onnx(model, tmp_path / "y.onnx", test=test)
    with pytest.warns(dia_keras.PixelRangeWarning, match="`images` has images .* values up to 65535"):
        export.to_onnx(model, tmp_path / "z.onnx", images=images * 257.0, tolerance=100)


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


def test_onnx_in_int8_is_smaller_and_answers_nearly_the_same(tmp_path):
    model, images = randomized(small(attention="dia_lstm", classifier_activation=None)), load_samples()[0]
    report = export.to_onnx(model, tmp_path / "model.onnx", quantize="int8", representative=images)
    assert_near(report.path, model, images, 0.05)
    assert report.quantize == "int8" and report.ops["QuantizeLinear"] > 0
    assert report.size_bytes < 0.5 * export.to_onnx(model, tmp_path / "full.onnx").size_bytes


def test_onnx_in_int8_has_weights_of_7_bits(tmp_path):
    """Sums of two products of 8 bits overflow on x86 processors without VNNI."""
    import onnx

    report = export.to_onnx(one_block(), tmp_path / "x.onnx", quantize="int8", representative=load_samples()[0])
    arrays = [onnx.numpy_helper.to_array(each) for each in onnx.load(report.path).graph.initializer]
    kernels = [array for array in arrays if array.dtype == np.int8 and array.ndim == 4]
    assert kernels and all(np.abs(kernel.astype(int)).max() <= 64 for kernel in kernels)


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
    same = (ask(report.path, images).argmax(-1) == answers_of(model, images).argmax(-1)).mean()
    assert report.agreement == same
    shown = Console(width=200)
    with shown.capture() as output:
        shown.print(table([report]))
    records = [record for record in caplog.records if record.name == "dia_keras"]  # TensorFlow tells of its own, too
    if exporter == "onnx":
        assert same == 1 and not records and "same top-1" not in output.get()
    else:
        assert same < 0.8 and f"{100 * same:.2f}" in output.get()
        error, record = records
        assert "is off by up to" in error.getMessage() and "differ by only" in error.getMessage()
        assert f"the model put only {100 * same:.1f}% of 40 images into the same class" in record.getMessage()


@pytest.mark.parametrize("exporter", ["tflite", "onnx"])
def test_agreement_and_accuracies_are_those_of_test_images_if_there_are_any(exporter, tmp_path):
    to_format, name = FORMATS[exporter]
    model, images = with_close_scores(), np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), "uint8")
    labels = np.zeros(35, int)
    options = {"quantize": "int8", "representative": images[2:]} if exporter == "tflite" else {}
    report = to_format(model, tmp_path / name, images[:2], test=(images[5:], labels), **options)
    of_file, of_model = ask(report.path, images[5:]).argmax(-1), answers_of(model, images[5:]).argmax(-1)
    assert report.agreement == (of_file == of_model).mean()
    assert (report.top1, report.model_top1) == ((of_file == labels).mean(), (of_model == labels).mean())


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
    path = export.to_tflite(one_block(), tmp_path / "model.tflite", quantize="int8", representative=images).path
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


@pytest.mark.parametrize("quantize", ["int8", "int16x8"])
@pytest.mark.parametrize("op", ["where", "selu", "unit normalization"])
def test_ops_whose_maps_must_have_one_scale_keep_their_values(op, quantize, tmp_path):
    """Here, two other layers read the map, too, which a wrong range of it would cut off."""
    ops = {
        "where": lambda x: keras.ops.where(x > 0, x, 0.1 * x),
        "selu": keras.activations.selu,
        "unit normalization": keras.layers.UnitNormalization(),
    }
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(4, 1)(keras.layers.Rescaling(1 / 64, -2)(inputs))
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 1)(ops[op](features)))
    largest = keras.layers.GlobalMaxPooling2D()(keras.layers.Conv2D(4, 1)(features))
    model = keras.Model(inputs, keras.layers.Concatenate()([means, largest]))
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), "uint8")
    path = tmp_path / "model.tflite"
    export.to_tflite(model, path, images, quantize=quantize, representative=images)
    expected = answers_of(model, images)
    assert np.abs(ask(path, images) - expected).max() < 0.03 * np.ptp(expected)


def test_constants_that_an_op_may_choose_stay_within_the_range_of_its_result():
    """Beyond it, they would overflow: TFLite's quantizer gives them the scale of the result."""
    import tensorflow as tf
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    from dia_keras.export.tflite.calibration import CHOOSING, calibrated
    from dia_keras.export.tflite.op_names import op_name

    def choose(images):
        maps = images * 0.5 - 40.0
        return tf.where(images > 1e3, 1e30, tf.minimum(maps, 1e30)) + tf.maximum(maps * 2.0, -1e30)

    signature = tf.function(choose).get_concrete_function(tf.TensorSpec((1, 4, 4, 3), "float32"))
    content = tf.lite.TFLiteConverter.from_concrete_functions([signature]).convert()
    images = np.random.default_rng(0).uniform(0, 100, (5, 1, 4, 4, 3)).astype("float32")
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(calibrated(content, images)))
    (graph,) = model.subgraphs
    found = {}
    for op in graph.operators:
        result = graph.tensors[op.outputs[0]].quantization
        for tensor in (graph.tensors[index] for index in op.inputs):
            data = model.buffers[tensor.buffer].data
            if op_name(model, op) in CHOOSING and data is not None and tensor.type == schema.TensorType.FLOAT32:
                values = np.asarray(data, "uint8").view("float32")
                assert result.min[0] <= values.min() and values.max() <= result.max[0]
                found[op_name(model, op)] = values
    assert {"MINIMUM", "MAXIMUM"} < found.keys() and found.keys() & {"SELECT", "SELECT_V2"}


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
    found, expected = (np.concatenate(found) - float(zero)) * scale, answers_of(model, images)
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


@pytest.mark.parametrize(("exporter", "name"), [FORMATS["tflite"], FORMATS["onnx"]])
def test_float_images_of_any_argument_make_the_file_take_float(exporter, name, tmp_path):
    model, images = small(classifier_activation=None), load_samples()[0].astype("float32")
    labels = answers_of(model, images).argmax(-1)
    assert exporter(model, tmp_path / name, test=(images, labels[:, None])).top1 == 1
    path = exporter(model, tmp_path / name, quantize="int8", representative=images).path
    assert_near(path, model, images, 0.1)


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
