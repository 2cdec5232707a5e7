"""Tests of `dia-keras explain`: each command writes a picture, and says what is wrong."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from PIL import Image

from dia_keras import analysis, zoo
from dia_keras.backbones import resnet
from dia_keras.cli import main
from dia_keras.samples import sample_paths
from dia_keras.zoo import finding, loading
from dia_keras.zoo.networks import by_card

COMMANDS = ("grad-cam", "attention", "integration", "gradients", "lesion")
ENTRY = "dia_resnet20_cifar10"


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    x, y = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8), np.arange(12) % 10
    names = np.array(zoo.card(ENTRY).labels)
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y, class_names=names)
    return path


@pytest.fixture
def small(monkeypatch):
    """Lets the zoo give a network of two blocks a stage; returns what it was asked for, names and weights."""
    loaded = []

    def build(name, input_shape=(32, 32, 3), weights=None, skip=True):
        loaded.append((name, weights))
        return resnet(14, "basic", attention="dia_lstm", skip=skip, input_shape=input_shape)

    monkeypatch.setattr(zoo, "load", build)
    monkeypatch.setattr(by_card, "load", build)
    monkeypatch.setattr(loading, "build", build)
    return loaded


def explain(*arguments, fails=False):
    result = CliRunner().invoke(main, ["explain", *map(str, arguments)])
    assert (result.exit_code != 0) == fails, result.output
    assert not fails or isinstance(result.exception, SystemExit)
    return result.output.replace("\n", "")


@pytest.mark.parametrize(
    "options",
    [
        ("grad-cam", ENTRY, "--class", "horse", "--image", sample_paths("cifar10")[0]),
        ("attention", ENTRY),
        ("integration", ENTRY, "--images", 6, "--trees", 2),
        ("gradients", ENTRY, "--images", 4),
        ("lesion", ENTRY, "--images", 4),
    ],
    ids=COMMANDS,
)
def test_a_picture_is_written(small, npz, tmp_path, options):
    data = ("--data", npz) if options[0] in ("integration", "gradients", "lesion") else ()
    path = tmp_path / "picture.png"
    assert f"Wrote {path}" in explain(*options, *data, "--out", path)
    with Image.open(path) as picture:
        assert picture.format == "PNG" and min(picture.size) > 200


@pytest.mark.parametrize(
    ("options", "drawing", "images", "rest"),
    [
        (("grad-cam", "--class", "horse", "--layer", "stage2"), "plot_grad_cam", 3, ["stage2", 7]),
        (("integration", "--images", 6, "--trees", 2), "plot_integration", 6, [2]),
        (("lesion", "--images", 5), "plot_lesions", 5, []),
    ],
)
def test_options_reach_what_draws(small, npz, tmp_path, monkeypatch, options, drawing, images, rest):
    given = []
    monkeypatch.setattr(analysis, drawing, lambda *arguments: given.extend(arguments) or Figure())
    data = () if options[0] == "grad-cam" else ("--data", npz)
    explain(options[0], ENTRY, *options[1:], *data, "--weights", "mine.weights.h5", "--out", tmp_path / "a.png")
    assert small == [(ENTRY, "mine.weights.h5")]
    assert len(given[1]) == images
    assert [value for value in given[2:] if isinstance(value, str | int)][: len(rest)] == rest


def test_the_seed_changes_initial_values(small, npz, tmp_path, monkeypatch):
    kernels = []

    def draw(models, images, labels, title):
        kernels.extend(keras.ops.convert_to_numpy(model.get_layer("classifier").kernel) for model in models.values())
        return Figure()

    monkeypatch.setattr(analysis, "plot_gradients", draw)
    for seed in (0, 0, 1):
        explain("gradients", ENTRY, "--seed", seed, "--data", npz, "--images", 2, "--out", tmp_path / "a.png")
    first, same, other = kernels[::2]
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command):
    result = CliRunner().invoke(main, ["explain", command, "--help"])
    assert f"Examples:\n    dia-keras explain {command}" in result.output and command in explain("--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_entries_and_files_are_errors_before_the_work(command, tmp_path):
    assert "dia_resnet20_cifar10" in explain(command, "dia_resnet20_cifar", "--out", tmp_path / "a.png", fails=True)
    assert "`--out` must end in .png" in explain(command, ENTRY, "--out", tmp_path / "a.jpg", fails=True)


def test_a_picture_of_someone_else_is_not_replaced(tmp_path):
    picture = tmp_path / "apple.png"
    picture.write_bytes(sample_paths("cifar10")[0].read_bytes())
    before = picture.read_bytes()
    output = explain("grad-cam", ENTRY, "--image", picture, "--out", picture, fails=True)
    assert "`--out` is the file to write, and must be new" in output and picture.read_bytes() == before
    for _ in range(2):
        assert "Wrote" in explain("grad-cam", ENTRY, "--image", picture, "--out", tmp_path / "map.png")


def test_entries_for_different_data_are_an_error(tmp_path):
    names = (ENTRY, "dia_resnet20_cifar100")
    output = explain("grad-cam", *names, "--out", tmp_path / "a.png", fails=True)
    assert f"must be for the same classes. Received: {names[0]} and {names[1]}" in output
    assert "entries for cifar10 and cifar100" in explain("gradients", *names, "--out", tmp_path / "a.png", fails=True)


def test_a_class_or_layer_that_is_not_there_is_an_error(small, tmp_path):
    out = ("--out", tmp_path / "a.png")
    assert f"must be a class of {ENTRY}. Received: 'zebra'" in explain(
        "grad-cam", ENTRY, "--class", "zebra", *out, fails=True
    )
    assert "Did you mean 'automobile'" in explain("grad-cam", ENTRY, "--class", "Automobil", *out, fails=True)
    assert "Received: --layer='stage9'" in explain("grad-cam", ENTRY, "--layer", "stage9", *out, fails=True)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Files of two networks for gray images of two classes, and an image in color."""
    folder = tmp_path_factory.mktemp("networks")
    for name in ("plain", "other"):
        resnet(8, "basic", attention="dia_lstm", num_classes=2, input_shape=(16, 16, 1)).save(folder / f"{name}.keras")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)).save(folder / "photo.png")
    return folder


def test_networks_of_ones_own_are_explained(networks, tmp_path, monkeypatch):
    given = []
    draw = analysis.plot_grad_cam
    monkeypatch.setattr(analysis, "plot_grad_cam", lambda *arguments: given.extend(arguments) or draw(*arguments))
    names, image = (networks / "plain.keras", networks / "other.keras"), ("--image", networks / "photo.png")
    explain("grad-cam", *names, *image, "--class", 1, "--out", tmp_path / "cam.png")
    models, images, layer, chosen, labels = given
    assert list(models) == ["plain", "other"] and images.shape == (1, 16, 16, 1)
    assert (layer, chosen, labels) == (None, 1, ("0", "1"))
    explain("attention", names[0], *image, "--out", tmp_path / "attention.png")
    for written in ("cam.png", "attention.png"):
        with Image.open(tmp_path / written) as picture:
            assert picture.format == "PNG" and min(picture.size) > 200


@pytest.mark.parametrize(("command", "drawing"), [("lesion", "plot_lesions"), ("integration", "plot_integration")])
def test_networks_of_ones_own_are_explained_by_test_images(command, drawing, tmp_path, monkeypatch):
    """Colors become gray, and images the network's size."""
    given = []
    monkeypatch.setattr(analysis, drawing, lambda *arguments: given.extend(arguments) or Figure())
    resnet(14, "basic", attention="dia_lstm", num_classes=2, input_shape=(16, 16, 1)).save(tmp_path / "mine.keras")
    x, y = np.random.default_rng(0).integers(0, 256, (6, 20, 20, 3), np.uint8), np.arange(6) % 2
    data = tmp_path / "data.npz"
    np.savez(data, x_train=x, y_train=y, x_test=x, y_test=y, class_names=np.array(["dark", "bright"]))
    out = ("--out", tmp_path / "a.png")
    assert "no data set of its own" in explain(command, tmp_path / "mine.keras", *out, fails=True)
    explain(command, tmp_path / "mine.keras", "--data", data, "--images", 5, *out)
    models, images, *_ = given
    assert list(models) == ["mine"] and images.shape == (5, 16, 16, 1)


def test_networks_of_ones_own_get_names_of_their_classes(networks, tmp_path, monkeypatch):
    given, out, mine = [], ("--out", tmp_path / "a.png"), networks / "plain.keras"
    for drawing in ("plot_grad_cam", "plot_lesions"):
        monkeypatch.setattr(analysis, drawing, lambda *arguments: given.append(arguments) or Figure())
    (tmp_path / "names.txt").write_text("dark\nbright\n")
    labels = ("--labels", tmp_path / "names.txt")
    explain(
        "grad-cam",
        mine,
        networks / "other.keras",
        "--image",
        networks / "photo.png",
        "--class",
        "bright",
        *labels,
        *out,
    )
    assert given[0][3:] == (1, ("dark", "bright"))
    # The data have the classes in another order.
    x, y = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 1), np.uint8), np.array([0, 0, 0, 0, 0, 1])
    np.savez(tmp_path / "d.npz", x_train=x, y_train=y, x_test=x, y_test=y, class_names=np.array(["bright", "dark"]))
    explain("lesion", mine, "--data", tmp_path / "d.npz", "--images", 6, *labels, *out)
    assert sorted(given[1][2]) == [0, 1, 1, 1, 1, 1]
    (tmp_path / "names.txt").write_text("dark\n")
    assert "must be 2 different names" in explain(
        "lesion", mine, "--data", tmp_path / "d.npz", *labels, *out, fails=True
    )
    output = explain("grad-cam", ENTRY, *labels, *out, fails=True)
    assert "`--labels` are for a network without class names" in output


def test_networks_that_cannot_be_explained_together_are_errors(networks, tmp_path):
    out = ("--out", tmp_path / "a.png")
    mine, image = networks / "plain.keras", ("--image", networks / "photo.png")
    assert "name some by `--image`" in explain("grad-cam", mine, *out, fails=True)
    assert "same shape. Received: 16x16x1, 32x32x3" in explain("grad-cam", mine, ENTRY, *image, *out, fails=True)
    assert "must be a class of" in explain("grad-cam", mine, "--class", 2, *image, *out, fails=True)
    resnet(8, "basic", num_classes=3, input_shape=(16, 16, 1)).save(tmp_path / "three.keras")
    output = explain("grad-cam", mine, tmp_path / "three.keras", *image, *out, fails=True)
    assert "must be for the same classes. Received: 2, 3 classes" in output
    resnet(8, "basic", num_classes=2, input_shape=(16, 16, 4)).save(tmp_path / "four.keras")
    assert "of 4 channels" in explain("grad-cam", tmp_path / "four.keras", *image, *out, fails=True)
    assert not (tmp_path / "a.png").exists()


def test_networks_whose_images_are_resized_in_different_ways_need_a_rule(networks, tmp_path, monkeypatch):
    """One of them would be explained by images that it was not made for."""
    find, rules = finding.find_network, {"plain.keras": "pad", "other.keras": "stretch"}

    def with_rule(name, weights):
        return dataclasses.replace(
            find(name, weights), labels=("dark", "bright"), resize=rules[pathlib.Path(name).name]
        )

    monkeypatch.setattr(finding, "find_network", with_rule)
    names, image = (networks / "plain.keras", networks / "other.keras"), ("--image", networks / "photo.png")
    options = ("grad-cam", *names, *image, "--out", tmp_path / "a.png")
    assert "`--resize` must be given" in (output := explain(*options, fails=True)) and "pad and stretch" in output
    assert not (tmp_path / "a.png").exists()
    explain(*options, "--resize", "center")
    rules["other.keras"] = "pad"
    explain(*options)
