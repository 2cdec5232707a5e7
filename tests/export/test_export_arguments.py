"""What cannot be exported is refused at once, with one clear message."""

import itertools
import sys

import keras
import numpy as np
import pytest
from files import ask

from dia_keras import export
from dia_keras.data.picture import resized_pixels
from dia_keras.export.registry import FORMATS as FORMATS_BY_NAME
from dia_keras.export.requests.checks import checked_request
from dia_keras.export.requests.images import collected, pixel_samples
from dia_keras.samples import load_samples

pytestmark = pytest.mark.tensorflow


def model(*shape):
    layers = keras.layers.Rescaling(1 / 255), keras.layers.GlobalAveragePooling2D()
    return keras.Sequential([keras.Input(shape or (8, 8, 3)), *layers])


def two_inputs():
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    return keras.Model(inputs, keras.layers.Add()(inputs))


def channels_first():
    inputs = keras.Input((3, 8, 8))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D(data_format="channels_first")(inputs))


def answering(with_what):
    single = model()
    return keras.Model(single.inputs, with_what(single.outputs[0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: model(None, None, 3), r"build it with `input_shape=\(height, width, channels\)`.*\(None, None, 3\)"),
        (two_inputs, "one input and one output"),
        (channels_first, "must be channels-last"),
        (lambda: keras.layers.Dense(2), "must be a functional `keras.Model`"),
        (lambda: keras.Sequential([keras.layers.Conv2D(2, 3)]), "must be built: begin it with `keras.Input"),
        (lambda: answering(lambda x: {"scores": x}), "must return its predictions alone.*a dict of 'scores'"),
        (
            lambda: answering(keras.ops.mean),
            r"predictions of every image, `\(batch, ...\)`. .*of shape \(\)",
        ),
    ],
)
def test_model_that_cannot_be_exported(make, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.to_onnx(make(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 9, 8, 3), "uint8"),
        np.zeros((8, 8, 3), "uint8"),
        np.zeros((0, 8, 8, 3), "uint8"),
        np.zeros((2, 8, 8, 3), "int64"),
    ],
)
def test_images_that_the_model_does_not_take(images, tmp_path):
    with pytest.raises(ValueError, match=r"of shape \(n, 8, 8, 3\). Received: images of dtype"):
        export.to_onnx(model(), tmp_path / "model.onnx", images)


@pytest.mark.parametrize(
    ("exporter", "name", "message"),
    [
        (export.to_onnx, "model.pb", r"named \*.onnx"),
        (export.to_tflite, "model.onnx", r"named \*.tflite"),
        (export.to_tflite, "folder.tflite", r"named \*.tflite"),
        (export.to_saved_model, "full", "must be new, an empty folder or a SavedModel"),
        (export.to_saved_model, "full/file", "must be new, an empty folder or a SavedModel"),
        (export.to_onnx, "nowhere/model.onnx", "in an existing folder .No such file or directory"),
        (export.to_onnx, "full/file/model.onnx", "in an existing folder .Not a directory"),
    ],
)
def test_path_that_cannot_be_written(exporter, name, message, tmp_path):
    (tmp_path / "folder.tflite").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(ValueError, match=message):
        exporter(model(), tmp_path / name)
    assert (tmp_path / "full" / "file").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"folder.tflite", "full"}


def test_empty_folder_becomes_a_saved_model(tmp_path):
    (tmp_path / "empty").mkdir()
    export.to_saved_model(model(), tmp_path / "empty")
    assert (tmp_path / "empty" / "saved_model.pb").is_file()


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "assets.extra/tf_serving_warmup_requests",
        "older/saved_model.pb",
        "assets/words.txt",
        "variables/variables.txt",
    ],
)
def test_saved_model_with_other_files_is_not_replaced(name, tmp_path):
    path = tmp_path / "model"
    export.to_saved_model(model(), path)
    export.to_saved_model(model(), path, labels=["a", "b", "c"])
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_text("mine")
    others = name.removesuffix("/saved_model.pb")
    with pytest.raises(ValueError, match=f"must be a SavedModel without other files. .* with {others}$"):
        export.to_saved_model(model(), path)
    assert (path / name).read_text() == "mine" and (path / "saved_model.pb").is_file()


def test_labels_are_for_models_of_classes(tmp_path):
    with pytest.raises(ValueError, match=r"`labels` are for a model that answers with classes, \(batch, classes\)"):
        export.to_onnx(answering(lambda x: keras.ops.mean(x, axis=-1)), tmp_path / "x.onnx", labels=["a"])


def test_options_out_of_range(tmp_path):
    with pytest.raises(ValueError, match=r"`resize` must be 'crop' or .*Received: resize='warp'"):
        export.to_saved_model(model(), tmp_path / "model", resize="warp")
    with pytest.raises(ValueError, match=r"`batch_size` must be a positive integer or None. Received: batch_size=0"):
        export.to_tflite(model(), tmp_path / "model.tflite", batch_size=0)
    with pytest.raises(ValueError, match=r"`opset` must be an integer from 13 to 18. Received: opset=7"):
        export.to_onnx(model(), tmp_path / "model.onnx", opset=7)
    with pytest.raises(ValueError, match=r"`opset` must be an integer from 13 to 18. Received: opset=17.0"):
        export.to_onnx(model(), tmp_path / "model.onnx", opset=17.0)


def test_numbers_of_numpy_are_numbers(tmp_path):
    path = export.to_tflite(model(), tmp_path / "m.tflite", batch_size=np.int64(2), tolerance=np.float32(0.1)).path
    assert path.is_file()


def test_accuracy_is_that_of_classes(tmp_path):
    binary = keras.Sequential([model(), keras.layers.Dense(1, "sigmoid")])
    with pytest.raises(ValueError, match=r"`test` is for models of two classes and more. Received: .* classes=\(1,\)"):
        export.to_tflite(binary, tmp_path / "model.tflite", test=(IMAGES, np.zeros(4, int)))


def test_model_that_computes_no_finite_values_is_not_quantized(tmp_path):
    inputs = keras.Input((8, 8, 3))
    infinite = keras.Model(inputs, keras.ops.mean(keras.ops.log(inputs - inputs), (1, 2)))
    with pytest.raises(ValueError, match="`model` must compute finite values from the `representative` images"):
        export.to_tflite(infinite, tmp_path / "model.tflite", quantize="int8", representative=IMAGES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("exporter", "name", "package", "extras"),
    [
        (export.to_saved_model, "model", "tensorflow", "tensorflow,export"),
        (export.to_tflite, "model.tflite", "ai_edge_litert", "export"),
        (export.to_onnx, "model.onnx", "onnxruntime", "export"),
    ],
)
def test_missing_package_is_named_with_the_extra(exporter, name, package, extras, tmp_path, monkeypatch):
    built = model()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'needs {package}. Install with `pip install "dia_keras\[{extras}\]"`'):
        exporter(built, tmp_path / name)


IMAGES = np.zeros((4, 8, 8, 3), "uint8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantize": "int4"}, "`quantize` must be one of None, 'float16'.*Received: quantize='int4'"),
        ({"quantize": ["int8"]}, r"`quantize` must be one of None, 'float16'.*Received: quantize=\['int8'\]"),
        ({"input_dtype": np.dtype("uint8")}, r"`input_dtype` must be one of .*Received: input_dtype=dtype\('uint8'\)"),
        ({"optimize": "no"}, "`optimize` must be a bool. Received: optimize='no'"),
        (
            {"quantize": "int8", "representative": iter([{}])},
            "`representative` must have images. Received: an item without any, {}",
        ),
        ({"quantize": "int8"}, "`representative` must be training images for quantize='int8'"),
        ({"representative": IMAGES}, "`representative` is for 'int8' and 'int16x8' only. Received: quantize=None"),
        (
            {"quantize": "int8", "representative": IMAGES, "batch_size": None},
            "`batch_size` must be an integer for quantize='int8'",
        ),
        (
            {"input_dtype": "int4"},
            "`input_dtype` must be one of 'uint8', 'float32', 'int8'. Received: .*'int4'",
        ),
        ({"input_dtype": "int8"}, "`input_dtype` must not be 'int8' for quantize=None. Received: input_dtype='int8'"),
        (
            {"quantize": "int16x8", "representative": IMAGES, "input_dtype": "uint8"},
            "`input_dtype` must be 'float32' for quantize='int16x8'",
        ),
        (
            {"images": IMAGES / 255, "input_dtype": "uint8"},
            "`input_dtype` must be 'float32' where `images` are float. Received: input_dtype='uint8'",
        ),
        (
            {"quantize": "int8", "representative": IMAGES / 255, "input_dtype": "uint8"},
            "`input_dtype` must be 'float32' where `representative` are float. Received: input_dtype='uint8'",
        ),
        ({"images": IMAGES * np.nan}, "`images` must be finite. Received: images with NaN or infinite values"),
        ({"batch_size": True}, "`batch_size` must be a positive integer or None. Received: batch_size=True"),
        (
            {"labels": ["cat", "dog"]},
            r"`labels` must be the names of 3 classes, .*Received: labels=\['cat', 'dog'\]",
        ),
        ({"labels": ["a", "b", "c\nd"]}, "`labels` must be the names of 3 classes, a line each"),
        ({"labels": ["cat\n", "dog\n", "owl\n"]}, r"`labels` must be .*, a line each. Received: labels=\['cat\\n', "),
        ({"labels": ["a", "b", "\udcff"]}, "`labels` must be the names of 3 classes, a line each"),
        ({"labels": {"cat", "dog", "owl"}}, "`labels` must be a list in the order of the classes"),
        ({"labels": {"cat": 1, "dog": 0, "owl": 2}}, "`labels` must be a list in the order of the classes"),
        ({"labels": 5}, "`labels` must be the names of 3 classes, a line each. Received: labels=5"),
        ({"tolerance": "x"}, "`tolerance` must be a number of at least 0. Received: tolerance='x'"),
        ({"tolerance": -1}, "`tolerance` must be a number of at least 0. Received: tolerance=-1"),
        ({"labels": "cat"}, "`labels` must be the names of 3 classes, a line each. Received: labels='cat'"),
        ({"test": IMAGES}, r"`test` must be images and labels, `\(images, labels\)`. Received: ndarray"),
        ({"test": (IMAGES[:, :4], np.arange(4))}, r"`test images` must be uint8 or float, of shape \(n, 8, 8, 3\)"),
        ({"test": (IMAGES, np.arange(4))}, "`test` must have labels from 0 to 2. Received: labels from 0 to 3"),
        ({"test": (IMAGES, np.arange(3))}, r"`test` must have one label, an integer, for each of its 4 images"),
        (
            {"quantize": "int8", "representative": IMAGES[:, :4]},
            r"`representative` must be uint8 or float, of shape \(n, 8, 8, 3\). Received: representative of dtype",
        ),
    ],
)
def test_options_that_are_not_possible(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.to_tflite(model(), tmp_path / "model.tflite", **options)
    assert not list(tmp_path.iterdir())


def random_images(number=20):
    return np.random.default_rng(0).integers(0, 256, (number, 8, 8, 3), "uint8")


def as_tf_dataset(images):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((images, np.zeros(len(images)))).batch(8)


@pytest.mark.parametrize(
    "source",
    [
        as_tf_dataset,
        lambda images: as_tf_dataset(images).unbatch().map(lambda image, label: image),
        lambda images: (image for image in images),
        lambda images: lambda: ([image[None]] for image in images),
        lambda images: lambda: ({"images": image[None]} for image in images),
    ],
    ids=["data set of batches", "data set of images", "generator", "as in TFLite", "as in TFLite, named"],
)
def test_representative_images_may_come_one_after_another(source, tmp_path):
    images = random_images()
    options = {"images": images, "quantize": "int8"}
    for representative, name in ((images, "array.tflite"), (source(images), "source.tflite")):
        export.to_tflite(model(), tmp_path / name, representative=representative, **options)
    answers = [ask(tmp_path / name, images) for name in ("array.tflite", "source.tflite")]
    np.testing.assert_array_equal(*answers)


def test_data_without_an_end_is_read_for_a_while():
    found = collected(itertools.repeat(random_images(3)))
    assert found.shape == (1000, 8, 8, 3)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: iter(()), "`representative` must have images. Received: an empty tuple_iterator"),
        (lambda: iter([IMAGES, IMAGES[:, :4]]), "`representative` must be of images of one size. NumPy says: all"),
        (lambda: iter([IMAGES[:, :4]]), r"`representative` must be uint8 or float, of shape \(n, 8, 8, 3\). Received"),
    ],
)
def test_representative_images_that_do_not_fit(source, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.to_onnx(model(), tmp_path / "model.onnx", quantize="int8", representative=source)
    assert not list(tmp_path.iterdir())


def test_onnx_is_quantized_to_int8_only(tmp_path):
    with pytest.raises(ValueError, match=r"`quantize` must be one of None, 'int8'. Received: quantize='float16'"):
        export.to_onnx(model(), tmp_path / "model.onnx", quantize="float16")
    with pytest.raises(ValueError, match=r"`representative` is for 'int8' only. Received: quantize=None"):
        export.to_onnx(model(), tmp_path / "model.onnx", representative=IMAGES)
    with pytest.raises(ValueError, match=r"`input_dtype` must be one of 'uint8', 'float32'. Received: .*'int8'"):
        export.to_onnx(model(), tmp_path / "model.onnx", quantize="int8", representative=IMAGES, input_dtype="int8")
    assert not list(tmp_path.iterdir())


def test_the_current_folder_cannot_become_a_saved_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="`path` must not be the current folder"):
        export.to_saved_model(model(), "")
    assert tmp_path.is_dir() and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, "`path` must be a string or a `pathlib.Path`. Received: path=None"),
        (b"model.onnx", "`path` must be a string or a `pathlib.Path`. Received: path=b'model.onnx'"),
        ("mo\0del.onnx", r"`path` must not have a null character. Received: path='.*mo\\x00del.onnx'"),
        (300 * "m" + ".onnx", r"`path` must be one that can be written \(File name too long\). Received: path='mmm"),
    ],
)
def test_what_is_no_path(path, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        export.to_onnx(model(), path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("argument", ["images", "representative"])
def test_images_of_several_sizes_are_no_array(argument, tmp_path):
    options = {"representative": IMAGES, "quantize": "int8"}
    ragged = [np.zeros((8, 8, 3), "uint8"), np.zeros((9, 8, 3), "uint8")]
    with pytest.raises(ValueError, match=f"`{argument}` must be one array. NumPy says: setting an array element"):
        export.to_onnx(model(), tmp_path / "model.onnx", **{**options, argument: ragged})


class PythonCall(keras.layers.Layer):
    def call(self, inputs):
        import tensorflow as tf

        return tf.ensure_shape(tf.numpy_function(lambda x: 2 * x, [inputs], tf.float32), inputs.shape)

    def compute_output_shape(self, input_shape):
        return input_shape


class Spectrum(keras.layers.Layer):
    def call(self, inputs):
        import tensorflow as tf

        return tf.math.real(tf.signal.fft2d(tf.cast(inputs, tf.complex64)))

    def compute_output_shape(self, input_shape):
        return input_shape


class Counting(keras.layers.Layer):
    def build(self, input_shape):
        self.calls = self.add_weight((), "zeros", trainable=False)

    def call(self, inputs):
        self.calls.assign_add(1.0)
        return inputs


class Noisy(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seed)


class Lookup(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        import tensorflow as tf

        keys, values = tf.range(2, dtype="int64"), tf.ones(2)
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0.0)

    def call(self, inputs):
        return inputs + self.table.lookup(keras.ops.cast(inputs, "int64"))

    def compute_output_shape(self, input_shape):
        return input_shape


class Fussy(keras.layers.Layer):
    """A layer that a model is built of, and trained with `run_eagerly`, but not traced."""

    def call(self, inputs):
        if not isinstance(inputs, keras.KerasTensor) and not hasattr(inputs, "numpy"):
            raise TypeError("graphs are not for me")
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


FORMATS = [(export.to_saved_model, "model"), (export.to_tflite, "model.tflite"), (export.to_onnx, "model.onnx")]


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("layer", "exporter", "name", "message"),
    [
        *((PythonCall, *each, "`model` must compute without calls of Python functions.*PyFunc") for each in FORMATS),
        *((Counting, *each, "must be one that .* can hold and run. .*AssignVariableOp") for each in FORMATS),
        *((Noisy, *each, "must be one that .* can hold and run. .*AssignVariableOp") for each in FORMATS),
        *((Lookup, *each, "must be one that .* can hold and run. Received: model='functional.*") for each in FORMATS),
        (Spectrum, *FORMATS[1], "`model` must consist of ops that TFLite has.*FFT2D"),
        (Spectrum, *FORMATS[2], "`model` must consist of ops that ONNX has.*FFT2D"),
    ],
)
def test_ops_that_a_format_cannot_hold(layer, exporter, name, message, tmp_path):
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(layer()(inputs)))
    with pytest.raises(ValueError, match=message):
        exporter(keras.Model(inputs, outputs), tmp_path / name, IMAGES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("exporter", "name"), FORMATS)
def test_layer_that_cannot_be_traced(exporter, name, tmp_path):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(Fussy()(inputs)))
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=r"can hold and run. .*ended in TypeError: graphs are not for me"):
        exporter(model, tmp_path / name, IMAGES)
    assert not list(tmp_path.iterdir())


def of_float_images():
    """Returns a model of images from 0 to 1, without a normalization of its own, and its answers to pixels / 255."""
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Softmax()(4 * keras.ops.mean(inputs, (1, 2))))
    images = random_images() // np.array([1, 2, 4], "uint8")
    images = np.stack([np.roll(image, number, -1) for number, image in enumerate(images)])
    scores = np.exp(4 * images.mean((1, 2)) / 255)
    return model, images, scores / scores.sum(-1, keepdims=True)


def normalized(mean, variance):
    """Returns a model that normalizes its images."""
    layers = keras.layers.Normalization(mean=mean, variance=variance), keras.layers.GlobalAveragePooling2D()
    return keras.Sequential([keras.Input((8, 8, 3)), *layers])


@pytest.mark.parametrize(("exporter", "name"), FORMATS)
def test_pixel_values_are_not_taken_for_granted(exporter, name, tmp_path):
    which = "`images`" if name == "model" else "`images` or `input_dtype`"
    message = rf"{which} must be given for a model without .*Received: model='functional.*' alone"
    for unknown in (of_float_images()[0], normalized(mean=[0.5, 0.4, 0.3], variance=[0.04, 0.09, 0.16])):
        with pytest.raises(ValueError, match=message.replace("functional", unknown.name)):
            exporter(unknown, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("channels", [1, 4])
def test_a_model_of_other_channels_needs_no_images(channels, tmp_path):
    network = model(8, 8, channels)
    for format in FORMATS_BY_NAME.values():
        request = checked_request(format, network, tmp_path / f"model{format.suffix}")
        assert request.images.dtype == np.uint8 and request.images.shape[1:] == (8, 8, channels) and request.of_pixels
        assert request.images.std() > 10


def test_sample_images_are_gray_or_repeat_red_green_and_blue():
    rgb, gray, four = (pixel_samples(model(32, 32, channels)) for channels in (3, 1, 4))
    np.testing.assert_array_equal(rgb, load_samples()[0])
    np.testing.assert_array_equal(gray, resized_pixels(rgb, None, channels=1))
    np.testing.assert_array_equal(four, rgb[..., [0, 1, 2, 0]])


@pytest.mark.parametrize(("exporter", "name"), FORMATS[1:])
def test_file_of_float_images_is_right(exporter, name, tmp_path):
    network, pixels, expected = of_float_images()
    images = (pixels / 255).astype("float32")
    for given in ({"input_dtype": "float32"}, {"images": images}, {"test": (images, expected.argmax(-1))}):
        report = exporter(network, tmp_path / name, **given)
        np.testing.assert_allclose(ask(report.path, images), expected, rtol=1e-4)
    assert report.top1 == 1.0
    options = {"quantize": "int8", "representative": images}
    assert exporter(network, tmp_path / name, **options).agreement == 1.0


def test_file_takes_pixel_values_if_asked_for(tmp_path):
    network, pixels, _ = of_float_images()
    path = export.to_onnx(network, tmp_path / "model.onnx", input_dtype="uint8").path
    np.testing.assert_allclose(ask(path, pixels), network.predict(pixels, verbose=0), rtol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        model,
        lambda: normalized(mean=[125.3, 123.0, 113.9], variance=[3969.0, 3869.0, 4070.0]),
        lambda: keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 127.5, -1)]),
    ],
    ids=["rescaled", "normalized", "rescaled to -1..1"],
)
def test_model_that_normalizes_pixel_values_needs_no_argument(make, tmp_path):
    network, pixels = make(), random_images(4)
    path = export.to_onnx(network, tmp_path / "model.onnx").path
    np.testing.assert_allclose(ask(path, pixels), network.predict(pixels, verbose=0), rtol=1e-4, atol=1e-6)
