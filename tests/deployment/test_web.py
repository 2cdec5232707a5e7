"""The page in export/web answers, in a real browser, as ONNX Runtime does in Python."""

import functools
import http.server
import importlib.util
import json
import os
import pathlib
import shutil
import struct
import subprocess
import threading

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from dia_keras.samples import sample_paths

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.tensorflow  # one backend is enough: the page knows none

WEB = pathlib.Path(__file__).parents[2] / "export" / "web"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
MISSING = [
    what
    for what, is_there in {
        "node": shutil.which("node"),
        "chromium": CHROMIUM,
        "export/web/node_modules": (WEB / "node_modules" / "playwright-core").is_dir(),
        "export/web/dist": (WEB / "dist" / "index.html").is_file(),
    }.items()
    if not is_there
]
in_the_browser = pytest.mark.skipif(
    bool(MISSING), reason=f"{', '.join(MISSING)} missing. Run `make web-test`, which needs node and chromium"
)


def small_model(path):
    """Writes a model of three classes and another image size: the shares of red, green and blue."""
    nodes = [
        onnx.helper.make_node("Cast", ["images"], ["pixels"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[1, 2], keepdims=0),
        onnx.helper.make_node("LpNormalization", ["means"], ["predictions"], axis=1, p=1),
    ]
    images = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["batch", 12, 20, 3])
    predictions = onnx.helper.make_tensor_value_info("predictions", onnx.TensorProto.FLOAT, ["batch", 3])
    graph = onnx.helper.make_graph(nodes, "shares", [images], [predictions])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, {"labels": json.dumps(["bright_red", "green", "blue"])})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def make_model(*arguments):
    """Runs export/web/make_model.py, and returns what it prints, or its error."""
    from click.testing import CliRunner

    specification = importlib.util.spec_from_file_location("make_model", WEB / "make_model.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    result = CliRunner().invoke(module.main, list(map(str, arguments)))
    return result.exit_code, result.output


def test_class_names_come_from_the_file(tmp_path):
    small_model(tmp_path / "mine.onnx")
    assert make_model(tmp_path / "mine.onnx", "--out", tmp_path / "public")[0] == 0
    assert json.loads((tmp_path / "public" / "labels.json").read_text()) == ["bright_red", "green", "blue"]
    assert (tmp_path / "public" / "model.onnx").read_bytes() == (tmp_path / "mine.onnx").read_bytes()


@pytest.mark.parametrize("metadata", [{}, {"labels": "null"}], ids=["none", "null"])
def test_a_file_without_class_names_is_refused(tmp_path, metadata):
    small_model(tmp_path / "mine.onnx")
    model = onnx.load(tmp_path / "mine.onnx")
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, tmp_path / "mine.onnx")
    code, output = make_model(tmp_path / "mine.onnx", "--out", tmp_path / "public")
    assert code == 1 and "labels=[...]" in output
    assert not list((tmp_path / "public").iterdir())


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Returns paths of the sample images and of harder ones: other sizes, transparency, a gamma, a turned camera."""
    folder = tmp_path_factory.mktemp("images")
    castle, tiger = (
        Image.open(path) for path in sample_paths("cifar100") if "castle" in path.name or "tiger" in path.name
    )
    castle.resize((301, 200)).save(folder / "wide.png")
    castle.resize((65, 130)).save(folder / "tall.png")
    castle.resize((5000, 60)).save(folder / "strip.png")  # of which a page must not shrink the whole first
    tiger.resize((9, 11)).save(folder / "tiny.png")
    transparent = tiger.resize((80, 80)).convert("RGBA")
    transparent.paste((0, 0, 0, 0), (0, 0, 40, 40))
    transparent.save(folder / "transparent.png")
    gamma = PngImagePlugin.PngInfo()
    gamma.add(b"gAMA", struct.pack(">I", 100_000))
    tiger.save(folder / "gamma.png", pnginfo=gamma)
    orientation = Image.Exif()
    orientation[0x0112] = 6
    castle.resize((48, 64)).save(folder / "turned.jpg", exif=orientation, quality=95, subsampling=0)
    return [*sample_paths(), *sorted(folder.iterdir())]


@pytest.fixture(scope="module", params=["the built model", "another model"])
def report(request, images, tmp_path_factory):
    """Returns what test/browser.js reports of the page, and the folder that was served."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(WEB / "dist", folder / "dist")
    if request.param == "another model":
        small_model(folder / "mine.onnx")
        assert make_model(folder / "mine.onnx", "--out", folder / "dist")[0] == 0
    (folder / "broken.png").write_text("no image")
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/dist/"
        command = ["node", WEB / "test" / "browser.js", url, folder / "broken.png", *images]
        run = subprocess.run(
            command, env={**os.environ, "CHROMIUM": CHROMIUM}, capture_output=True, text=True, timeout=120
        )
        server.shutdown()
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout) | {"url": url, "folder": folder / "dist"}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@in_the_browser
def test_every_way_to_give_an_image_is_answered(report, images):
    ways = report["answers"]
    labels = json.loads((report["folder"] / "labels.json").read_text())
    samples = [path.name for path in sample_paths() if path.stem.split("_", 1)[1].rsplit("_", 1)[0] in labels]
    assert list(ways["samples"]) == samples
    assert list(ways["picked"]) == list(ways["dropped"]) == list(ways["pasted"]) == [path.name for path in images]
    assert list(ways["byKeyboard"]) == [images[-1].name, *samples[:1]]


@in_the_browser
def test_the_model_sees_the_pixels_that_it_would_see_in_python(report, images):
    height, width = session_of(report).get_inputs()[0].shape[1:3]
    paths = {path.name: path for path in images}
    for name, answer in answers_of(report):
        with Image.open(paths[name]) as file:
            image = ImageOps.exif_transpose(file).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        expected = np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR), "int32").ravel()
        atol = 0 if image.size == (width, height) else 1  # Pillow rounds, too, and not the same in all versions
        np.testing.assert_allclose(answer["pixels"], expected, rtol=0, atol=atol, err_msg=name)


@in_the_browser
def test_answers_are_those_of_onnx_runtime_in_python(report):
    session = session_of(report)
    shape = (1, *session.get_inputs()[0].shape[1:])
    labels = json.loads((report["folder"] / "labels.json").read_text())
    for name, answer in answers_of(report):
        pixels = np.reshape(answer["pixels"], shape).astype("uint8")
        probabilities = session.run(None, {"images": pixels})[0][0]
        np.testing.assert_allclose(answer["probabilities"], probabilities, rtol=0, atol=1e-4, err_msg=name)
        best = np.argsort(-np.array(answer["probabilities"]), kind="stable")[:5]
        assert [label for label, _ in answer["ranking"]] == [labels[i].replace("_", " ") for i in best]
        assert answer["time"].endswith(" ms")


def session_of(report):
    return onnxruntime.InferenceSession(report["folder"] / "model.onnx", providers=["CPUExecutionProvider"])


def answers_of(report):
    """Yields names of files and answers to them, of all ways to give an image."""
    for answers in report["answers"].values():
        yield from answers.items()


@in_the_browser
def test_the_page_asks_for_nothing_but_its_own_files_and_has_no_errors(report):
    outside = [url for url in report["requests"] if not url.startswith((report["url"], f"blob:{report['url'][:-5]}"))]
    assert not outside
    assert any(url.endswith(".wasm") for url in report["requests"])
    assert not report["errors"]


@in_the_browser
def test_a_file_that_is_no_image_gets_one_line_until_the_next_image(report):
    assert report["messages"]["broken"] == "“broken.png” is not an image that this browser can read."
    assert report["messages"]["after"] is False


@in_the_browser
def test_what_is_missing_is_said(report):
    messages = report["messages"]
    assert messages["withoutScripts"] == "This page needs JavaScript, and a web server: it does not work as a file."
    assert "onnxruntime.js" in messages["withoutRuntime"] or "imported module" in messages["withoutRuntime"]
    assert messages["withoutModel"] == "model.onnx could not be loaded: the server does not answer."
    assert messages["withoutList"] == "The likeliest classes appear here."
    if report["answers"]["samples"]:
        first = next(iter(report["answers"]["samples"]))
        assert messages["withoutSamples"] == f"samples/{first} could not be loaded: the server does not answer."


@in_the_browser
def test_the_page_fits_narrow_and_wide_screens(report):
    assert report["widths"] == {width: int(width) for width in ("320", "768", "1280")}
