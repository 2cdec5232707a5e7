"""The Python samples classify images as Keras does, and import nothing of Keras."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import typing
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from odd_pictures import write_odd_pictures
from PIL import Image

from dia_keras import export
from dia_keras.data.picture import Resize, read_picture
from dia_keras.samples import load_samples, sample_paths

pytestmark = pytest.mark.tensorflow

SAMPLES = Path(__file__).parents[2] / "export" / "python"
RUNTIMES = {
    "litert": (SAMPLES / "classify_litert.py", export.to_tflite, "model.tflite"),
    "onnxruntime": (SAMPLES / "classify_onnxruntime.py", export.to_onnx, "model.onnx"),
}
LABELS = ["Äpfel", "two words", "tiger", "ship"]
# Runs a script as `python SCRIPT ...` does; an import of what is not to be needed fails.
GUARD = """
import runpy, sys
for name in ("dia_keras", "keras", "tensorflow", "jax", "torch"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(len(LABELS), "softmax")(x))


@pytest.fixture(scope="module", params=RUNTIMES)
def runtime(request, model, tmp_path_factory):
    """Returns the script, the exporter, and a file of the model with labels."""
    script, to_format, name = RUNTIMES[request.param]
    return script, to_format, to_format(model, tmp_path_factory.mktemp("exported") / name, labels=LABELS).path


def run(script, *arguments):
    command = [sys.executable, "-X", "utf8", "-c", GUARD, script, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, encoding="utf-8")


def answers(script, *arguments):
    """Returns what a script prints: for every image, the labels and their probabilities, in the order printed."""
    done = run(script, *arguments)
    assert done.returncode == 0, done.stderr
    tables = re.split(r"^.* \(\d+\.\d ms\)\n", done.stdout, flags=re.MULTILINE)[1:]
    rows = [re.findall(r"^ *([\d.]+)%  (.*)$", table, re.MULTILINE) for table in tables]
    return [{label: float(percent) / 100 for percent, label in row} for row in rows]


def assert_as_keras(received, model, images, labels=LABELS):
    expected = model.predict(np.asarray(images), verbose=0)
    assert len(received) == len(images)
    for answer, probabilities in zip(received, expected, strict=True):
        assert list(answer) == [labels[i] for i in np.argsort(-probabilities)]
        np.testing.assert_allclose([answer[label] for label in labels], probabilities, atol=6e-5)


def test_answers_are_those_of_keras(runtime, model):
    script, _, path = runtime
    assert_as_keras(answers(script, path, *sample_paths()), model, load_samples()[0])


def test_photos_are_turned_upright_and_cropped(runtime, model, tmp_path):
    script, _, path = runtime
    sample = load_samples()[0][0]
    noise = np.random.default_rng(0).integers(0, 256, (32, 20, 3), "uint8")
    lying = Image.fromarray(np.hstack([noise, sample, noise])).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned clockwise by 90 degrees
    lying.save(tmp_path / "photo.png", exif=exif)
    assert_as_keras(answers(script, path, tmp_path / "photo.png"), model, [sample])


def test_images_of_other_sizes_and_modes_are_taken(runtime, model, tmp_path):
    script, _, path = runtime
    Image.new("P", (100, 40), 0).save(tmp_path / "palette.gif")
    Image.new("LA", (5, 7), (255, 0)).save(tmp_path / "grey.png")
    received = answers(script, path, tmp_path / "palette.gif", tmp_path / "grey.png", "--threads", 1)
    assert_as_keras(received, model, [np.zeros((32, 32, 3)), np.full((32, 32, 3), 255)])


def test_transparent_images_lie_on_white(runtime, model, tmp_path):
    script, _, path = runtime
    sample = load_samples()[0][0]
    image = Image.fromarray(sample).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 16, 32))
    image.save(tmp_path / "half.png")
    expected = sample.copy()
    expected[:, :16] = 255
    assert_as_keras(answers(script, path, tmp_path / "half.png"), model, [expected])


def test_top_limits_the_classes(runtime):
    script, _, path = runtime
    for top, shown in ((1, 1), (3, 3), (50, len(LABELS))):
        assert [len(answer) for answer in answers(script, path, sample_paths()[0], "--top", top)] == [shown]


def test_a_model_without_labels_has_numbers(runtime, model, tmp_path):
    script, to_format, path = runtime
    unnamed = to_format(model, tmp_path / path.name).path
    images, _ = load_samples()
    assert_as_keras(answers(script, unnamed, sample_paths()[0]), model, images[:1], ["0", "1", "2", "3"])


def test_files_that_take_floats_are_taken(runtime, model, tmp_path):
    script, to_format, path = runtime
    floats = to_format(model, tmp_path / path.name, labels=LABELS, input_dtype="float32").path
    assert_as_keras(answers(script, floats, *sample_paths()), model, load_samples()[0])


@pytest.mark.parametrize("batch_size", [None, 3])
def test_tflite_files_for_several_images_are_taken(batch_size, model, tmp_path):
    path = export.to_tflite(model, tmp_path / "model.tflite", labels=LABELS, batch_size=batch_size).path
    images, _ = load_samples()
    script, _, _ = RUNTIMES["litert"]
    assert_as_keras(answers(script, path, *sample_paths()[:2]), model, images[:2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Returns a folder of images that cannot be classified."""
    folder = tmp_path_factory.mktemp("images")
    Image.fromarray(np.zeros((8, 8), "float32")).save(folder / "deep.tiff")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")
    Image.fromarray(noise).save(folder / "whole.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:5000])
    Image.new("1", (14000, 14000)).save(folder / "huge.png")
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("{model}", "missing.png"),
            r"Error: missing\.png cannot be read: .*No such file or directory: 'missing\.png'",
        ),
        (("{model}", "{model}"), r"Error: .*model\.\w+ cannot be read: cannot identify image file '.*model\.\w+'"),
        (("{model}", "{folder}/deep.tiff"), r"Error: .*deep\.tiff must have 8 or 16 bits a pixel\. Received: 32"),
        (("{model}", "{folder}/cut.png"), r"Error: .*cut\.png cannot be read: image file is truncated.*"),
        (("{model}", "{folder}/huge.png"), r"Error: .*huge\.png cannot be read: Image size \(196000000 pixels\) .*"),
        (("missing.model", "missing.png"), r"Error: missing\.model must be an? \w+ file\. .*"),
        ((__file__, "missing.png"), r"Error: .*test_python_samples\.py must be an? \w+ file\. .*"),
        (("{model}", "missing.png", "--top", "0"), r".*argument --top: must be a positive integer\. Received: 0"),
    ],
)
def test_what_cannot_be_classified_is_said_in_one_line(arguments, message, runtime, folder):
    script, _, path = runtime
    done = run(script, *(argument.format(model=path, folder=folder) for argument in arguments))
    assert done.returncode != 0 and "Traceback" not in done.stderr and done.stdout == ""
    assert re.fullmatch(message, done.stderr.splitlines()[-1])


@pytest.mark.parametrize("name", RUNTIMES)
def test_what_the_file_says_is_done(name, tmp_path):
    """A file of gray images, which are to be padded, and of classes that do not exclude each other."""
    script, to_format, file = RUNTIMES[name]
    inputs = keras.Input((32, 24, 1))
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(keras.layers.Rescaling(1 / 255)(inputs)))
    several = keras.Model(inputs, keras.layers.Dense(3, "sigmoid", bias_initializer="random_normal")(x))
    path = to_format(several, tmp_path / file, labels=LABELS[:3], resize="pad").path
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 40, 3), "uint8")).save(tmp_path / "wide.png")
    seen = {rule: read_picture(tmp_path / "wide.png", 32, 24, rule, channels=1) for rule in ("pad", "crop")}
    assert_as_keras(answers(script, path, tmp_path / "wide.png"), several, [seen["pad"]], LABELS[:3])
    cropped = answers(script, path, tmp_path / "wide.png", "--resize", "crop")
    assert_as_keras(cropped, several, [seen["crop"]], LABELS[:3])


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_file_of_other_values_than_pixels_is_refused(name, tmp_path):
    script, to_format, file = RUNTIMES[name]
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(2, "softmax")(keras.layers.GlobalAveragePooling2D()(inputs)))
    images = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)).astype("float32")
    path = to_format(model, tmp_path / file, images=images).path
    Image.new("RGB", (8, 8)).save(tmp_path / "black.png")
    done = run(script, path, tmp_path / "black.png")
    assert done.returncode != 0 and done.stdout == ""
    assert done.stderr.splitlines()[-1].endswith("must take pixel values, 0 to 255. Received: a file that takes others")


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_file_that_gives_no_classes_is_refused(name, model, tmp_path):
    script, to_format, file = RUNTIMES[name]
    path = to_format(keras.Model(model.input, model.layers[2].output), tmp_path / file).path
    Image.new("RGB", (32, 32)).save(tmp_path / "black.png")
    done = run(script, path, tmp_path / "black.png")
    assert done.returncode != 0 and done.stdout == ""
    assert "must give one output of shape (batch, classes). Received: a file that gives " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", RUNTIMES)
def test_one_class_has_the_probability_that_the_file_gives(name):
    to_probabilities = runpy.run_path(str(RUNTIMES[name][0]))["to_probabilities"]
    for activation in ("sigmoid", None):
        np.testing.assert_array_equal(to_probabilities(np.array([0.03]), activation), [0.03])
    for score, activation in ((-4, None), (1.5, "sigmoid"), (0.3, "linear")):
        with pytest.raises(ValueError, match=f"a probability where it has one class. Received: {score}, as without"):
            to_probabilities(np.array([score]), activation)
    np.testing.assert_array_equal(to_probabilities(np.array([0.9, 0.8, 0.1]), "sigmoid"), [0.9, 0.8, 0.1])
    np.testing.assert_allclose(to_probabilities(np.array([0.9, 0.8, 0.1]), "linear").sum(), 1)
    logits = np.array([0.6, 0.3, 0.1])  # whatever they add up to
    np.testing.assert_allclose(to_probabilities(logits, "linear"), np.exp(logits) / np.exp(logits).sum())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_other_programs_write_about_a_file_is_passed_over(runtime, tmp_path):
    script, _, path = runtime
    read_rules, damage = runpy.run_path(str(script))["read_rules"], tmp_path / path.name
    assert rules_of(read_rules, path) == ("crop", "softmax")
    for given in (7, [], {}, "[", "[" * 100_000):
        shutil.copy(path, damage)
        with_metadata(damage, given)
        assert rules_of(read_rules, damage) == ("crop", None)
    with_metadata(damage, {"resize": "warp"})
    with pytest.raises(ValueError, match=r"images resized by one of crop, .*, pad\. Received: 'warp'"):
        rules_of(read_rules, damage)


def rules_of(read_rules, path):
    import onnxruntime

    return read_rules(onnxruntime.InferenceSession(path) if path.suffix == ".onnx" else str(path))


def with_metadata(path, given):
    """Writes what a file says of its input."""
    text = given if isinstance(given, str) else json.dumps(given)
    if path.suffix == ".onnx":
        import onnx

        loaded = onnx.load(path)
        onnx.helper.set_model_props(loaded, {"input": text, "output": "{}"})
        onnx.save(loaded, path)
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("metadata.json", f'{{"input": {text}, "output": {{}}}}')


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", RUNTIMES)
def test_pictures_become_the_arrays_of_dia_keras(name, channels, tmp_path):
    load_image = runpy.run_path(str(RUNTIMES[name][0]))["load_image"]
    paths = [picture.path for picture in write_odd_pictures(tmp_path).values()]
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (512, 384, 3), "uint8"))
    exif = Image.Exif()
    exif[0x0112] = 8
    for file in ("noise.jpg", "noise.png", "noise.webp", "noise.tif"):
        noise.save(tmp_path / file, exif=exif)
        paths.append(tmp_path / file)
    for resize in typing.get_args(Resize):
        for path in paths:
            expected = read_picture(path, 32, 24, resize, channels)
            received = load_image(str(path), 32, 24, resize, channels)
            np.testing.assert_array_equal(received, expected, f"{path.name}, {resize}")


def test_pictures_for_detectors_are_those_of_dia_keras(tmp_path):
    load_image = runpy.run_path(str(SAMPLES / "detect_objects.py"))["load_image"]
    for picture in write_odd_pictures(tmp_path).values():
        np.testing.assert_array_equal(load_image(str(picture.path)), read_picture(picture.path), str(picture.path))


def test_the_rule_of_resizing_is_an_argument(runtime, model, tmp_path):
    script, _, path = runtime
    image = np.random.default_rng(0).integers(0, 256, (48, 90, 3), "uint8")
    Image.fromarray(image).save(tmp_path / "wide.png")
    for resize in typing.get_args(Resize):
        expected = read_picture(tmp_path / "wide.png", 32, 32, resize)
        assert_as_keras(answers(script, path, tmp_path / "wide.png", "--resize", resize), model, [expected])


def test_pipes_and_postscript_are_said_in_one_line(runtime, tmp_path):
    script, _, path = runtime
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "program.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n%%EOF\n")
    for name, message in (("pipe.png", "it is not a file"), ("program.eps", "it is PostScript, .* convert it to PNG")):
        done = run(script, path, tmp_path / name)
        assert done.returncode == 1 and re.fullmatch(
            rf"Error: .*{name} cannot be read: {message}", done.stderr.splitlines()[-1]
        )


def test_odd_labels_of_a_tflite_file_are_said_in_one_line(model, tmp_path):
    script, to_format, _ = RUNTIMES["litert"]
    path = to_format(model, tmp_path / "model.tflite").path
    content = path.read_bytes()
    odd = {
        "labels.txt has more than a megabyte": bytes(300_000_000),
        "can't decode byte 0xff": b"a\nb\nc\n\xff",
        "labels for each|Received: 2 labels": b"a\nb",
    }
    for message, labels in odd.items():
        path.write_bytes(content)
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("labels.txt", labels)
        assert re.search(rf"Error: .*({message})", failure(script, path))
    with zipfile.ZipFile(path, "a") as archive:
        place = archive.getinfo("labels.txt").header_offset
    damaged = bytearray(path.read_bytes())
    damaged[place + 40] ^= 255  # the name and the first bytes of the text
    path.write_bytes(damaged)
    assert re.search(r"Error: .* must have labels that can be read\. ", failure(script, path))


@pytest.mark.parametrize("labels", ["7", '{"a": 1}', "[1, 2, 3, 4]", "[", "[" * 100_000, '["a"]'])
def test_odd_labels_of_an_onnx_file_are_said_in_one_line(labels, model, tmp_path):
    import onnx

    script, to_format, _ = RUNTIMES["onnxruntime"]
    path = to_format(model, tmp_path / "model.onnx").path
    loaded = onnx.load(path)
    onnx.helper.set_model_props(loaded, {"labels": labels})
    onnx.save(loaded, path)
    assert re.search(r"Error: The file.* labels? ", failure(script, path))


def failure(script, path):
    """Returns the last line of what a script says of a file that it cannot use."""
    done = run(script, path, sample_paths()[0])
    assert done.returncode == 1 and "Traceback" not in done.stderr and done.stdout == ""
    return done.stderr.splitlines()[-1]


def test_a_file_without_softmax_shows_probabilities(model, runtime, tmp_path):
    script, to_format, path = runtime
    logits = keras.models.clone_model(model)
    logits.set_weights(model.get_weights())
    logits.layers[-1].activation = keras.activations.linear
    file = to_format(logits, tmp_path / path.name, labels=LABELS).path
    picture = sample_paths("cifar10")[0]
    assert_as_keras(answers(script, file, picture), model, [read_picture(picture, 32, 32)])


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
def test_quantized_scores_are_scores(tmp_path):
    """A file of another program, whose images and scores are integers of 8 bits."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((1, 32, 32, 3), tf.float32)])
    def classify(images):
        return tf.nn.softmax(tf.reshape(images, (1, -1)) @ tf.fill((3072, 3), 1e-5) + [[0.0, 3.0, 1.0]])

    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    converter.representative_dataset = lambda: ([image[None].astype("float32")] for image in load_samples()[0])
    (tmp_path / "model.tflite").write_bytes(converter.convert())
    received = answers(RUNTIMES["litert"][0], tmp_path / "model.tflite", sample_paths()[0])
    assert list(received[0]) == ["1", "2", "0"]
    assert [received[0][str(i)] for i in range(3)] == pytest.approx([0.042, 0.844, 0.114], abs=0.01)


def test_a_file_with_an_op_of_its_own_is_one_error(tmp_path):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32)])
    def strange(images):
        return tf.raw_ops.BesselI0e(x=tf.reduce_mean(images, (1, 2)))

    converter = tf.lite.TFLiteConverter.from_concrete_functions([strange.get_concrete_function()])
    converter.allow_custom_ops = True
    (tmp_path / "custom.tflite").write_bytes(converter.convert())
    found = failure(RUNTIMES["litert"][0], tmp_path / "custom.tflite")
    assert re.search("Error: .*custom.tflite must have ops of LiteRT only", found)
