"""The page in export/web answers, in a real browser, as ONNX Runtime and detect_objects.py do in Python."""

import dataclasses
import functools
import http.server
import importlib.util
import json
import os
import pathlib
import runpy
import shutil
import struct
import subprocess
import threading

import keras
import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from dia_keras import zoo
from dia_keras.data.picture import resized
from dia_keras.detection.data.letterboxing import letterbox
from dia_keras.samples import sample_paths

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.tensorflow  # one backend is enough: the page knows none

WEB = pathlib.Path(__file__).parents[2] / "export" / "web"
SAMPLE = WEB.parent / "python" / "detect_objects.py"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
MISSING = [
    what
    for what, is_there in {
        "node": shutil.which("node"),
        "chromium": CHROMIUM,
        "export/web/node_modules": (WEB / "node_modules" / "playwright-core").is_dir(),
        "export/web/dist of a classifier": (WEB / "dist" / "labels.json").is_file(),
    }.items()
    if not is_there
]
in_the_browser = pytest.mark.skipif(
    bool(MISSING), reason=f"{', '.join(MISSING)} missing. Run `make web-test`, which needs node and chromium"
)


def small_model(path, resize="center"):
    """Writes a model of three classes and another image size and rule: the shares of red, green and blue."""
    nodes = [
        onnx.helper.make_node("Cast", ["images"], ["pixels"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[1, 2], keepdims=0),
        onnx.helper.make_node("LpNormalization", ["means"], ["predictions"], axis=1, p=1),
    ]
    images = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["batch", 12, 20, 3])
    predictions = onnx.helper.make_tensor_value_info("predictions", onnx.TensorProto.FLOAT, ["batch", 3])
    graph = onnx.helper.make_graph(nodes, "shares", [images], [predictions])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    texts = {"labels": json.dumps(["bright_red", "green", "blue"]), "input": json.dumps({"resize": resize})}
    onnx.helper.set_model_props(model, texts)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


#: Finds what is red, green or blue: one box each, around all pixels in which the color is above a tenth.
DETECTOR = """
<ir_version: 8, opset_import: ["": 17]>
colors (uint8[batch, 24, 40, 3] images)
    => (float[batch, 3, 4] boxes, int32[batch, 3] classes, float[batch, 3] scores, int32[batch] num_detections)
{
    pixels = Cast <to = 1> (images)
    channels = Constant <value_ints = [3]> ()
    sums = ReduceSum (pixels, channels)
    three = Constant <value_float = 3.0> ()
    tripled = Mul (pixels, three)
    beyond = Sub (tripled, sums)
    full = Constant <value_float = 510.0> ()
    strengths = Div (beyond, full)
    tenth = Constant <value_float = 0.1> ()
    is_strong = Greater (strengths, tenth)
    strong = Cast <to = 1> (is_strong)
    columns = ReduceMax <axes = [1], keepdims = 0> (strong)
    rows = ReduceMax <axes = [2], keepdims = 0> (strong)
    one = Constant <value_int = 1> ()
    left = ArgMax <axis = 1> (columns)
    top = ArgMax <axis = 1> (rows)
    last_column = ArgMax <axis = 1, select_last_index = 1> (columns)
    last_row = ArgMax <axis = 1, select_last_index = 1> (rows)
    right = Add (last_column, one)
    bottom = Add (last_row, one)
    edges = Concat <axis = 1> (left, top, right, bottom)
    by_color = Transpose <perm = [0, 2, 1]> (edges)
    of_color = Cast <to = 1> (by_color)
    peaks = ReduceMax <axes = [1, 2], keepdims = 0> (strengths)
    all = Constant <value_ints = [3]> ()
    scores, order = TopK <axis = 1> (peaks, all)
    classes = Cast <to = 6> (order)
    last = Constant <value_ints = [2]> ()
    single = Unsqueeze (order, last)
    four = Constant <value_ints = [1, 1, 4]> ()
    index = Expand (single, four)
    boxes = GatherElements <axis = 1> (of_color, index)
    is_found = Greater (scores, tenth)
    found = Cast <to = 6> (is_found)
    objects = Constant <value_ints = [1]> ()
    num_detections = ReduceSum <keepdims = 0> (found, objects)
}
"""


def small_detector(path, **metadata):
    """Writes `DETECTOR` with metadata as `dia_keras.export.to_onnx` writes them, or others."""
    model = onnx.parser.parse_model(DETECTOR)
    facts = {
        "kind": "detector",
        "input": {"name": "images", "dtype": "uint8", "shape": [24, 40, 3], "resize": "pad"},
        "suppression": {"where": "in the file", "score_threshold": 0.1, "max_detections": 3},
        "labels": ["bright_red", "green", "blue"],
        **metadata,
    }
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    onnx.helper.set_model_props(model, texts)
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


def test_a_file_of_an_entry_has_the_rule_of_its_card(monkeypatch, tmp_path):
    card = dataclasses.replace(zoo.card("dia_resnet20_cifar10"), resize="stretch")
    layers = keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")
    monkeypatch.setattr(zoo, "card", lambda name: card)
    monkeypatch.setattr(zoo, "load", lambda name: keras.Sequential([keras.Input((8, 8, 3)), *layers]))
    assert make_model("dia_resnet20_cifar10", "--out", tmp_path)[0] == 0
    texts = {entry.key: entry.value for entry in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert json.loads(texts["input"])["resize"] == "stretch"


@pytest.mark.parametrize("metadata", [{}, {"labels": "null"}], ids=["none", "null"])
def test_a_file_without_class_names_is_refused(tmp_path, metadata):
    small_model(tmp_path / "mine.onnx")
    model = onnx.load(tmp_path / "mine.onnx")
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, tmp_path / "mine.onnx")
    code, output = make_model(tmp_path / "mine.onnx", "--out", tmp_path / "public")
    assert code == 1 and "labels=[...]" in output
    assert not list((tmp_path / "public").iterdir())


def test_a_detector_needs_no_file_of_class_names(tmp_path):
    small_model(tmp_path / "mine.onnx")
    small_detector(tmp_path / "detector.onnx", labels=None)
    public = tmp_path / "public"
    assert make_model(tmp_path / "mine.onnx", "--out", public)[0] == 0
    assert make_model(tmp_path / "detector.onnx", "--out", public) == (
        0,
        f"Wrote {public / 'model.onnx'}, a detector\n",
    )
    assert [path.name for path in public.iterdir()] == ["model.onnx"]
    assert (public / "model.onnx").read_bytes() == (tmp_path / "detector.onnx").read_bytes()


def test_a_file_that_is_no_onnx_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "mine.onnx").write_text("no model")
    code, output = make_model(tmp_path / "mine.onnx", "--out", tmp_path / "public")
    assert code == 1 and output.count("\n") == 1 and "mine.onnx must be an ONNX file" in output


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
    return reported("browser.js", folder, folder / "broken.png", *images)


def reported(script, folder, *arguments):
    """Returns what a script of export/web/test reports of the page in the folder's `dist`, which is served."""
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/dist/"
        command = ["node", WEB / "test" / script, url, *arguments]
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
    session = session_of(report)
    height, width = session.get_inputs()[0].shape[1:3]
    rule = json.loads(session.get_modelmeta().custom_metadata_map["input"])["resize"]
    paths = {path.name: path for path in images}
    for name, answer in answers_of(report):
        with Image.open(paths[name]) as file:
            image = ImageOps.exif_transpose(file).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        expected = np.asarray(resized(image, height, width, rule), "int32").ravel()
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


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Returns a folder of pictures for `small_detector`, of models that the page refuses, and of a broken picture."""
    folder = tmp_path_factory.mktemp("scenes")
    (folder / "broken.png").write_text("no image")
    images, odd = folder / "images", folder / "odd"
    images.mkdir()
    odd.mkdir()
    scene = Image.new("RGB", (40, 24), (128, 128, 128))
    scene.paste((255, 0, 0), (8, 4, 20, 16))
    scene.paste((60, 200, 60), (30, 10, 36, 24))
    scene.paste((90, 90, 150), (2, 18, 12, 22))  # of a score of 0.24, below what is shown first
    scene.save(images / "exact.png")
    for name, size in {"wide": (301, 100), "tall": (65, 130), "strip": (1500, 60), "tiny": (9, 11)}.items():
        scene.resize(size).save(images / f"{name}.png")
    scene.resize((2600, 1700), Image.Resampling.NEAREST).save(images / "large.png")
    Image.new("RGB", (50, 50), "gray").save(images / "nothing.png")
    transparent = scene.resize((80, 80)).convert("RGBA")
    transparent.paste((0, 0, 0, 0), (0, 0, 30, 80))
    transparent.save(images / "transparent.png")
    orientation = Image.Exif()
    orientation[0x0112] = 6
    scene.resize((64, 48)).save(images / "turned.jpg", exif=orientation, quality=95, subsampling=0)
    small_model(odd / "outputs.onnx")
    classifier = onnx.load(odd / "outputs.onnx")
    onnx.helper.set_model_props(classifier, {"kind": "detector", "labels": "null", "input": "{}", "suppression": "{}"})
    onnx.save(classifier, odd / "metadata.onnx")
    facts = {"labels": "null", "input": '{"shape": [12, 20, 3]}', "suppression": "{}"}
    onnx.helper.set_model_props(classifier, {"kind": "detector", **facts})
    onnx.save(classifier, odd / "outputs.onnx")
    small_detector(odd / "size.onnx", input={"shape": [40, 24, 3]})
    small_detector(odd / "kind.onnx", kind="other")
    (odd / "file.onnx").write_text("no model")
    return folder


@pytest.fixture(scope="module")
def detector_report(scenes):
    """Returns what test/detector.js reports of the page of `small_detector`."""
    shutil.copytree(WEB / "dist", scenes / "dist")
    small_detector(scenes / "detector.onnx")
    assert make_model(scenes / "detector.onnx", "--out", scenes / "dist")[0] == 0
    return reported("detector.js", scenes, scenes)


@pytest.fixture(scope="module")
def expected(scenes, detector_report):
    """Returns the image, and what detect_objects.py finds in it, by name."""
    sample = runpy.run_path(str(SAMPLE))
    detector, metadata = sample["load_model"](str(scenes / "detector.onnx"), 1)
    images = {path.name: sample["load_image"](str(path)) for path in (scenes / "images").iterdir()}
    return {name: (image, sample["find_objects"](detector, metadata, image)) for name, image in images.items()}


@in_the_browser
def test_a_detector_sees_the_pixels_of_dia_keras(detector_report, expected):
    assert detector_report["answers"].keys() == expected.keys()
    for name, answer in detector_report["answers"].items():
        image = expected[name][0]
        pixels, _ = letterbox(np.asarray(image), (24, 40))
        atol = 0 if image.size == (40, 24) else 1
        np.testing.assert_allclose(answer["pixels"], pixels.astype(int).ravel(), rtol=0, atol=atol, err_msg=name)
        assert (answer["name"], answer["width"], answer["height"]) == (name, *image.size)


@in_the_browser
def test_boxes_are_those_of_the_python_sample(detector_report, expected):
    for name, answer in detector_report["answers"].items():
        _, found = expected[name]
        # The pale blue is lost where the strip is one row high, and where the picture is transparent.
        assert len(found) == {"nothing.png": 0, "strip.png": 2, "transparent.png": 2}.get(name, 3)
        labels = [["bright_red", "green", "blue"][number] for number in answer["classes"]]
        assert labels == [label for label, _, _ in found]
        np.testing.assert_allclose(answer["scores"], [score for _, score, _ in found], rtol=0, atol=0.01)
        assert answer["boxes"] == [pytest.approx(box, abs=1e-9) for _, _, box in found], name
    exact = detector_report["answers"]["exact.png"]
    assert exact["boxes"] == [[8, 4, 20, 16], [30, 10, 36, 24], [2, 18, 12, 22]]


@in_the_browser
def test_the_page_lists_and_draws_what_is_sure_enough(detector_report):
    exact = detector_report["answers"]["exact.png"]["shown"]
    assert exact["threshold"] == "30%" and exact["count"] == "2 objects 1 more has a lower score."
    assert exact["list"] == [
        ["bright red", "100.0%", "left 8, top 4, right 20, bottom 16"],
        ["green", "54.9%", "left 30, top 10, right 36, bottom 24"],
    ]
    assert exact["tags"] == ["bright red 100%", "green 54%"]
    assert exact["boxes"] == [[8, 4, 12, 12], [30, 10, 6, 14]]  # left, top, width, height
    assert exact["time"].endswith(" ms")
    nothing = detector_report["answers"]["nothing.png"]["shown"]
    assert nothing["count"].strip() == "No objects" and not nothing["list"] and not nothing["boxes"]


@in_the_browser
def test_the_least_score_is_the_users_choice(detector_report):
    thresholds = detector_report["thresholds"]
    assert thresholds["range"] == [0.1, 1, 0.01]
    numbers = {each: len(thresholds[each]["list"]) for each in ("0.1", "0.5", "1")}
    assert numbers == {each: len(thresholds[each]["boxes"]) for each in numbers}
    assert numbers["0.1"] == 3 > numbers["0.5"] >= numbers["1"]
    assert detector_report["dimmed"] == 2  # while the pointer is on a row


@in_the_browser
def test_screen_readers_get_the_list(detector_report):
    tree = detector_report["tree"]
    assert tree.count("- status:") == 1 and "3 objects" in tree
    assert '- slider "Least score"' in tree and detector_report["spoken"] == "10%"
    assert '- list "Objects, the surest first":' in tree and tree.count("- listitem:") == 3


@in_the_browser
def test_boxes_lie_on_the_picture_in_any_window(detector_report):
    widths = detector_report["widths"]
    assert {width: places["page"] for width, places in widths.items()} == {"320": 320, "768": 768, "1280": 1280}
    answers = detector_report["answers"].values()
    for places in [*widths.values(), *(answer["places"] for answer in answers)]:
        assert places["boxes"] == pytest.approx(places["preview"], abs=0.5)
        assert all(12 < height < 24 for height in places["letters"])  # on the screen


@in_the_browser
def test_the_page_of_a_detector_asks_for_nothing_else_and_has_no_errors(detector_report):
    url = detector_report["url"]
    assert all(each.startswith((url, f"blob:{url[:-5]}")) for each in detector_report["requests"])
    assert not detector_report["errors"]


@in_the_browser
def test_what_does_not_fit_gets_one_message(detector_report):
    messages = detector_report["messages"]
    assert messages["invitation"] == "What is found appears here."
    assert messages["broken"] == "“broken.png” is not an image that this browser can read."
    assert messages["boxesOfBroken"] is False
    start = "model.onnx must be a detector that dia_keras exported. "
    assert messages["metadata.onnx"].startswith(start)
    assert messages["outputs.onnx"] == f"{start}It does not give boxes, classes, scores, num_detections."
    assert messages["size.onnx"].startswith(f"{start}It says that images are 24 ")
    assert messages["kind.onnx"].startswith(
        "model.onnx must be a classifier, or a detector of dia_keras. It gives boxes, "
    )
    assert "protobuf parsing failed" in messages["file.onnx"]
