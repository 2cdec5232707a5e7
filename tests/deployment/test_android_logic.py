"""The Android sample: its logic, which needs no Android, is compiled and run; its resources are put together.

Each test says, where it is skipped, what installs the tool that it lacks.
"""

import json
import re
import runpy
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest
from PIL import Image

from dia_keras import export
from dia_keras.data.picture import Resize, read_picture
from dia_keras.export.metadata import describe

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[2]
ANDROID = ROOT / "export" / "android"
KOTLIN = ROOT / "build" / "kotlin" / "node_modules" / "kotlin-compiler"
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
JARS = [Path("/usr/share/java/junit4.jar"), Path("/usr/share/java/hamcrest.jar")]


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    """Returns a function that runs a class of the module `classifier` or of its tests."""
    version = tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())["versions"]["kotlin"]
    if not KOTLIN.is_dir():
        pytest.skip(f"no Kotlin compiler: npm install --prefix build/kotlin --no-save kotlin-compiler@{version}")
    if not shutil.which("java") or not all(path.is_file() for path in JARS):
        pytest.skip("no Java or no JUnit 4: apt-get install default-jdk-headless junit4")
    classes = tmp_path_factory.mktemp("classes")
    libraries = ":".join(map(str, JARS))
    sources = [ANDROID / "classifier" / "src" / part / "kotlin" for part in ("main", "test")]
    run("bash", KOTLIN / "bin" / "kotlinc", "-Werror", "-jvm-target", "17", "-cp", libraries, "-d", classes, *sources)
    path = f"{classes}:{libraries}:{KOTLIN / 'lib' / 'kotlin-stdlib.jar'}"
    return lambda *arguments: run("java", "-cp", path, *arguments)


def test_unit_tests_pass(java):
    files = sorted((ANDROID / "classifier" / "src" / "test").rglob("*Test.kt"))
    functions = sum(path.read_text().count("@Test") for path in files)
    output = java("org.junit.runner.JUnitCore", *(f"dia.keras.classifier.{path.stem}" for path in files))
    assert f"OK ({functions} tests)" in output and functions > 0


@pytest.mark.parametrize("width, height", [(32, 32), (37, 200), (801, 533), (20, 20)])
@pytest.mark.parametrize("model_width, model_height", [(32, 32), (48, 30)])
def test_an_image_becomes_what_it_becomes_in_python(width, height, model_width, model_height, java, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (height // 3 + 1, width // 3 + 1, 3), "uint8")
    image = np.kron(noise, np.ones((3, 3, 1), "uint8"))[:height, :width]
    Image.fromarray(image).save(tmp_path / "image.png")
    java("dia.keras.classifier.WriteRgbKt", tmp_path / "image.png", model_width, model_height, tmp_path / "rgb")
    received = np.fromfile(tmp_path / "rgb", "uint8").reshape(model_height, model_width, 3)
    load_image = runpy.run_path(str(ROOT / "export" / "python" / "classify_litert.py"))["load_image"]
    expected = load_image(tmp_path / "image.png", model_height, model_width)
    # Pillow 13 scales rows first where that is quicker, and rounds in between.
    np.testing.assert_allclose(received.astype(int), expected.astype(int), rtol=0, atol=1)
    if (width, height) == (model_width, model_height):
        np.testing.assert_array_equal(received, image)


@pytest.mark.parametrize("rule", get_args(Resize))
@pytest.mark.parametrize("width, height", [(32, 48), (801, 533), (48, 30)])
def test_an_image_is_resized_as_the_file_says(rule, width, height, java, tmp_path):
    model = keras.Sequential([keras.Input((30, 48, 3)), keras.layers.GlobalAveragePooling2D()])
    metadata = json.dumps(describe(model, "uint8", ['"resize": "no"'] * 3, resize=rule), indent=1)
    with zipfile.ZipFile(tmp_path / "model.tflite", "w") as archive:
        archive.writestr("metadata.json", metadata)
    ramp = np.arange(height)[:, None, None] * 100 // height + np.arange(width)[:, None] * 50 // width + np.arange(3)
    Image.fromarray(ramp.astype("uint8")).save(tmp_path / "image.png")
    java("dia.keras.classifier.WriteRgbKt", tmp_path / "image.png", 48, 30, tmp_path / "rgb", tmp_path / "model.tflite")
    received = np.fromfile(tmp_path / "rgb", "uint8").reshape(30, 48, 3)
    expected = read_picture(tmp_path / "image.png", 30, 48, rule)
    np.testing.assert_allclose(received.astype(int), expected.astype(int), rtol=0, atol=1)


def test_labels_that_the_exporter_packs_are_read(java, tmp_path):
    labels = ["Äpfel", "sweet pepper", *map(str, range(98))]
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(100, "softmax")])
    path = export.to_tflite(model, tmp_path / "model.tflite", input_dtype="uint8", labels=labels).path
    printed = java("dia.keras.classifier.PrintLabelsKt", path, len(labels))
    assert printed.splitlines() == labels


def test_the_logic_needs_no_android():
    sources = list((ANDROID / "classifier" / "src" / "main").rglob("*.kt"))
    assert sources and not [path for path in sources if re.search(r"^import android", path.read_text(), re.MULTILINE)]


def test_the_build_files_name_what_the_version_catalog_has():
    catalog = tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())
    names = {name.replace("-", ".") for name in catalog["libraries"]}
    names |= {"plugins." + name.replace("-", ".") for name in catalog["plugins"]}
    for library in catalog["libraries"].values():
        assert library["module"].count(":") == 1 and library["version"]["ref"] in catalog["versions"]
    for plugin in catalog["plugins"].values():
        assert plugin["id"] and plugin["version"]["ref"] in catalog["versions"]
    used = {
        name for path in ANDROID.rglob("*.gradle.kts") for name in re.findall(r"\(libs\.([\w.]+)\)", path.read_text())
    }
    assert used == names


def test_manifest_and_resources_fit_together_and_hold_what_the_code_names(tmp_path):
    if not shutil.which("aapt2") or not FRAMEWORK.is_file():
        pytest.skip("no Android resource compiler: apt-get install aapt android-framework-res")
    main = ANDROID / "app" / "src" / "main"
    # Gradle fills these in.
    manifest = (main / "AndroidManifest.xml").read_text().replace("${applicationId}", "dia.keras.app")
    (tmp_path / "AndroidManifest.xml").write_text(manifest.replace("<manifest ", '<manifest package="dia.keras.app" '))
    run("aapt2", "compile", "--dir", main / "res", "-o", tmp_path / "res.zip")
    options = ("--min-sdk-version", 29, "--java", tmp_path, "-o", tmp_path / "app.apk")
    run(
        "aapt2", "link", "-I", FRAMEWORK, "--manifest", tmp_path / "AndroidManifest.xml", *options, tmp_path / "res.zip"
    )
    table = (tmp_path / "dia" / "keras" / "app" / "R.java").read_text()
    for path in main.rglob("*.kt"):
        for kind, name in re.findall(r"\bR\.(\w+)\.(\w+)", path.read_text()):
            block = table.split(f"class {kind} {{")[1].split("}")[0]
            assert f"int {name}=" in block, f"{path.name} names R.{kind}.{name}"
