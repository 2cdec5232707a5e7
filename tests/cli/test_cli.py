"""Tests of the command line, called as a user calls it."""

import dataclasses
import json
import pathlib
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from dia_keras import zoo
from dia_keras.backbones import ATTENTIONS
from dia_keras.cli import console, main
from dia_keras.samples import sample_paths
from dia_keras.training import Recipe

RECIPES = pathlib.Path(__file__).parents[2] / "zoo" / "recipes"


def run(*arguments, fails=False):
    console.width = 200  # the console took the terminal's when it was imported
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert (result.exit_code != 0) == fails, result.output
    if fails:
        assert "Traceback" not in result.output and len(result.output.strip().splitlines()) <= 5
        assert isinstance(result.exception, SystemExit)
    return result.output


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Initial weights of a small entry, as a file."""
    path = tmp_path_factory.mktemp("weights") / "initial.weights.h5"
    zoo.save_weights(zoo.load("dia_resnet20_cifar10", weights=None), path)
    return path


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    x, y = rng.integers(0, 256, (40, 32, 32, 3), np.uint8), np.arange(40) % 10
    names = np.array(zoo.card("dia_resnet20_cifar10").labels)
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y, class_names=names)
    return path


def test_list_shows_matching_entries():
    output = run("list", "dia_*_cifar100")
    assert "dia_resnet164_cifar100" in output and "cifar10 " not in output and "\nse_" not in output


def test_names_in_the_list_are_whole_in_80_columns(monkeypatch):
    monkeypatch.setattr(console, "width", 80)
    result = CliRunner().invoke(main, ["list"])
    missing = [name for name in zoo.list_models() if f" {name} " not in result.output]
    assert not missing and all(len(line) <= 80 for line in result.output.splitlines())


def test_list_without_match_is_an_error():
    assert "No entry matches 'vgg*'" in run("list", "vgg*", fails=True)


def test_list_shows_the_attentions_with_formulas():
    output = run("list", "--attentions")
    assert all(name in output for name in ATTENTIONS)
    assert "10 N²/r + 2 N/r + 8 N" in output and "reduction = 4" in output
    assert "cbam" not in run("list", "--attentions", "s*")
    assert "No attention matches 'vgg*'" in run("list", "--attentions", "vgg*", fails=True)
    assert "exclude each other" in run("list", "--attentions", "--pretrained", fails=True)


def test_card_shows_what_the_card_holds():
    output = run("card", "dia_resnet20_cifar100")
    assert "292716" in output and "architecture.arguments.depth" in output and "Apache-2.0" in output


def test_unknown_entry_is_an_error_with_a_hint():
    assert "dia_resnet20_cifar100" in run("card", "dia_resnet20_cifar", fails=True)


@pytest.mark.parametrize("name", [n for n in ("dia_resnet20_cifar10", "dia_resnet20_cifar100") if zoo.card(n).weights])
def test_predict_names_the_samples_and_draws_a_picture(name, tmp_path):
    picture = tmp_path / "answers.png"
    output = run("predict", *sample_paths(name.split("_")[-1]), "--model", name, "--picture", picture)
    assert output.count(".png") >= len(sample_paths(name.split("_")[-1])) and "%" in output
    with Image.open(picture) as drawn:
        assert drawn.size[0] > 100


def test_predict_of_a_text_file_is_an_error(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    assert "is not an image" in run("predict", tmp_path / "text.png", "--model", "dia_resnet20_cifar10", fails=True)


def test_files_without_a_folder_are_an_error_before_the_work(tmp_path):
    image = tmp_path / "grey.png"
    Image.new("L", (32, 32)).save(image)
    for command in (("predict", image, "--picture"), ("benchmark", "dia_resnet20_cifar10", "--out")):
        output = run(*command, tmp_path / "none" / "file.png", fails=True)
        assert "folder of a file to write must exist" in output.replace("\n", " ")


def test_evaluate_shows_accuracy_by_class(weights, npz):
    output = run("evaluate", "dia_resnet20_cifar10", "--weights", weights, "--data", npz)
    assert "automobile" in output and "top-5" in output


def test_train_smoke_leaves_weights_that_load(npz, tmp_path):
    run(
        "train",
        RECIPES / "one_cycle_cpu.py",
        "--entry",
        "dia_resnet20_cifar10",
        "--smoke",
        "--data",
        npz,
        "--out",
        tmp_path,
    )
    zoo.load("dia_resnet20_cifar10", weights=tmp_path / "final.weights.h5")
    assert json.loads((tmp_path / "run.json").read_text())["minutes"] > 0
    with Image.open(tmp_path / "curves.png") as curves:
        assert curves.size[0] > 100


def test_train_fits_its_epochs_into_a_budget_and_goes_on_alike(npz, tmp_path):
    """A cut run that had chosen its own epochs goes on with the same ones, whatever time is left."""
    common = ("train", RECIPES / "paper_resnet.py", "--entry", "dia_resnet20_cifar10", "--data", npz, "--out", tmp_path)
    changes = ("--set", "batch_size=8", "--set", "epochs=100000", "--set", "milestones=(50000, 75000)")
    run(*common, *changes, "--fit", "--minutes", 0.4)
    recipe = json.loads((tmp_path / "recipe.json").read_text())
    assert 1 <= recipe["epochs"] < 100_000
    expected = (max(1, round(share * recipe["epochs"])) for share in (0.5, 0.75))
    assert recipe["milestones"] == list(dict.fromkeys(expected))
    run(*common, *changes, "--fit", "--minutes", 0.01)
    assert json.loads((tmp_path / "recipe.json").read_text()) == recipe


def test_data_in_another_class_order_is_an_error(npz, weights, tmp_path):
    with np.load(npz) as arrays:
        np.savez(tmp_path / "other.npz", **{**arrays, "class_names": arrays["class_names"][::-1]})
    output = run("evaluate", "dia_resnet20_cifar10", "--weights", weights, "--data", tmp_path / "other.npz", fails=True)
    assert "in their order" in output


def test_train_into_the_folder_of_another_recipe_is_an_error(npz, tmp_path):
    common = (
        "train",
        RECIPES / "one_cycle_cpu.py",
        "--entry",
        "dia_resnet20_cifar10",
        "--data",
        npz,
        "--out",
        tmp_path,
    )
    other = Recipe("dia_resnet20_cifar10", epochs=7)
    (tmp_path / "recipe.json").write_text(json.dumps(dataclasses.asdict(other)))
    assert "whose recipe differs in" in run(*common, fails=True)


def test_train_on_data_with_other_classes_is_an_error(npz, tmp_path):
    output = run("train", RECIPES / "one_cycle_cpu.py", "--smoke", "--data", npz, "--out", tmp_path, fails=True)
    assert "must have the 100 classes" in output and not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["epochs", "speed=3", "warmup=high"])
def test_wrong_change_of_a_recipe_is_an_error(change):
    run("train", RECIPES / "one_cycle_cpu.py", "--set", change, fails=True)


@pytest.mark.tensorflow
def test_export_writes_a_file(weights, tmp_path):
    output = run("export", "dia_resnet20_cifar10", tmp_path / "model.tflite", "--weights", weights)
    assert (tmp_path / "model.tflite").stat().st_size > 500_000 and "difference to Keras" in output
    report = json.loads((tmp_path / "model.tflite.report.json").read_text())
    assert report["size_bytes"] == (tmp_path / "model.tflite").stat().st_size
    assert zipfile.ZipFile(tmp_path / "model.tflite").read("labels.txt").decode().split()[0] == "airplane"


@pytest.mark.tensorflow
def test_export_quantizes_on_training_images(weights, npz, tmp_path):
    full, small = tmp_path / "full.tflite", tmp_path / "small.tflite"
    run("export", "dia_resnet20_cifar10", full, "--weights", weights)
    run("export", "dia_resnet20_cifar10", small, "--weights", weights, "--quantize", "int8", "--data", npz)
    assert small.stat().st_size < full.stat().st_size / 2
    output = run("export", "dia_resnet20_cifar10", tmp_path / "m.onnx", "--quantize", "float16", fails=True)
    assert "`--quantize float16` is not for such files" in output
    output = run("export", "dia_resnet20_cifar10", tmp_path / "folder", "--input-dtype", "uint8", fails=True)
    assert "`--input-dtype` is for .tflite and .onnx files" in output


@pytest.mark.tensorflow
def test_export_measures_the_file_on_the_test_set(weights, npz, tmp_path):
    path = tmp_path / "model.onnx"
    output = run("export", "dia_resnet20_cifar10", path, "--weights", weights, "--test", "--data", npz)
    report = json.loads((tmp_path / "model.onnx.report.json").read_text())
    assert report["top1"] == report["model_top1"] and "top-1" in output


def test_export_to_an_unknown_format_is_an_error(weights, tmp_path):
    output = run("export", "dia_resnet20_cifar10", tmp_path / "model.pt", "--weights", weights, fails=True)
    assert "must end in .tflite or .onnx" in output


@pytest.mark.parametrize("command", ["list", "card", "predict", "evaluate", "train", "export", "benchmark"])
def test_help_has_examples(command):
    assert f"Examples:\n    dia-keras {command}" in run(command, "--help")
