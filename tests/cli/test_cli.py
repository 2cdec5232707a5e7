"""Tests of the command line, called as a user calls it."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import typing
import zipfile

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import dia_keras
from dia_keras import data, zoo
from dia_keras.backbones import ATTENTIONS
from dia_keras.cli import console, main
from dia_keras.cli.parameters import options
from dia_keras.cli.reproducing import _paths
from dia_keras.cli.terminal.console import make_table
from dia_keras.cli.terminal.stopping import BUDGET_SPENT
from dia_keras.data.picture import Resize, read_picture
from dia_keras.samples import sample_paths
from dia_keras.training import Recipe
from dia_keras.training.runs.epochs_that_fit import Speed
from dia_keras.zoo.network_data import load_data

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


def test_list_finds_what_contains_the_text_and_shows_parameters_accuracy_and_size():
    output = run("list", "resnet20_cifar100")
    rows = {
        cells[1]: cells[2:] for line in output.splitlines() if len(cells := line.replace("│", " │ ").split("│")) > 3
    }
    rows = {name.strip(): [cell.strip() for cell in cells] for name, cells in rows.items()}
    assert list(rows) == zoo.list_models("*resnet20_cifar100*")
    card = zoo.card("dia_resnet20_cifar100")
    size, top1, top5 = card.weights.size / 1e6, card.metrics.top1, card.metrics.top5
    assert rows[card.name][:4] == ["292,716", f"{size:.2f}", f"{top1:.2f}", f"{top5:.2f}"]
    assert rows["se_resnet20_cifar100"][:4] == ["280,697", "", "", ""]


def test_list_as_json_has_the_figures_of_the_cards():
    found = {row["name"]: row for row in json.loads(run("list", "resnet20", "--json"))}
    assert list(found) == zoo.list_models("*resnet20*")
    card = zoo.card("dia_resnet20_cifar10")
    assert found[card.name] == {
        "name": card.name,
        "dataset": "cifar10",
        "parameters": card.parameters,
        "size_bytes": card.weights.size,
        "top1": card.metrics.top1,
        "top5": card.metrics.top5,
    }
    assert found["se_resnet20_cifar10"]["top1"] is None and found["se_resnet20_cifar10"]["size_bytes"] is None
    attentions = json.loads(run("list", "--attentions", "--json"))
    assert [row["attention"] for row in attentions] == list(ATTENTIONS)
    assert attentions[0]["paper"] == ATTENTIONS["dia_lstm"].paper


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


def test_card_as_json_is_the_whole_card():
    name = "dia_resnet20_cifar100"
    assert json.loads(run("card", name, "--json")) == json.loads(json.dumps(dataclasses.asdict(zoo.card(name))))


def test_unknown_entry_is_an_error_with_a_hint():
    assert "dia_resnet20_cifar100" in run("card", "dia_resnet20_cifar", fails=True)


@pytest.mark.parametrize("name", [n for n in ("dia_resnet20_cifar10", "dia_resnet20_cifar100") if zoo.card(n).weights])
def test_predict_names_the_samples_and_draws_a_picture(name, tmp_path):
    picture = tmp_path / "answers.png"
    output = run("predict", *sample_paths(name.split("_")[-1]), "--model", name, "--picture", picture)
    assert output.count(".png") >= len(sample_paths(name.split("_")[-1])) and "%" in output
    with Image.open(picture) as drawn:
        assert drawn.size[0] > 100


def narrow(monkeypatch, *arguments):
    """Returns what a command shows in a terminal of 40 columns."""
    monkeypatch.setattr(console, "width", 40)
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert all(len(line) <= 40 for line in result.output.splitlines())
    return result.output


def test_predict_shows_a_row_for_each_of_ten_classes(monkeypatch):
    path = sample_paths("cifar100")[0]
    answers = json.loads(run("predict", path, "--top", 10, "--json"))
    (answer,) = answers
    assert answer["image"] == str(path) and len(answer["answers"]) == 10
    probabilities = [each["probability"] for each in answer["answers"]]
    assert probabilities == sorted(probabilities, reverse=True) and 0 < sum(probabilities) <= 1
    output = run("predict", path, "--top", 10)
    shown = [line for line in output.splitlines() if "%" in line]
    assert len(shown) == 10
    for line, each in zip(shown, answer["answers"], strict=True):
        assert f" {each['label']} " in line and f" {each['probability']:.1%} " in line
    assert path.name in shown[0] and not any(path.name in line for line in shown[1:])


def test_predict_tells_images_of_one_name_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("cats", "dogs"):
        (tmp_path / folder).mkdir()
        Image.new("L", (32, 32)).save(tmp_path / folder / "0.png")
    output = run("predict", pathlib.Path("cats/0.png"), pathlib.Path("dogs/0.png"), "--top", 1)
    assert "cats/0.png" in output and "dogs/0.png" in output


def test_predict_names_the_classes_of_a_file_of_keras(tmp_path):
    pooled = [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, "softmax")]
    keras.Sequential(pooled).save(tmp_path / "own.keras")
    Image.new("RGB", (8, 8)).save(tmp_path / "black.png")
    (tmp_path / "labels.txt").write_text("day\nnight\n\n", encoding="utf-8")
    common = ("predict", tmp_path / "black.png", "--model", tmp_path / "own.keras")
    output = run(*common, "--labels", tmp_path / "labels.txt")
    assert "day" in output and "night" in output
    assert " 0 " in run(*common) and " 1 " in run(*common)
    (tmp_path / "marked.txt").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "labels.txt").read_bytes())
    assert run(*common, "--labels", tmp_path / "marked.txt") == output  # as some editors write it
    assert "It must be a text file in UTF-8" in run(*common, "--labels", tmp_path / "none.txt", fails=True)
    output = run("predict", tmp_path / "black.png", "--labels", tmp_path / "labels.txt", fails=True)
    assert "`--labels` are for a network without class names" in output


def test_predict_as_json_writes_the_picture_and_prints_only_json(tmp_path):
    picture = tmp_path / "answers.png"
    json.loads(run("predict", sample_paths("cifar100")[0], "--json", "--picture", picture))
    with Image.open(picture) as drawn:
        assert drawn.size[0] > 100


def test_a_picture_replaces_no_file_of_the_user(tmp_path):
    """As in `--picture *.png`, where the shell makes the first image the file to write."""
    image, answers = tmp_path / "gray.png", tmp_path / "answers.png"
    Image.new("L", (32, 32)).save(image)
    before = image.read_bytes()
    output = run("predict", "--picture", image, image, fails=True).replace("\n", " ")
    assert "`--picture` is the file to write, and must be new" in output and image.read_bytes() == before
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    assert "must be new" in run("predict", "--picture", text, image, fails=True).replace("\n", " ")
    for _ in range(2):  # its own it writes again
        assert "Wrote" in run("predict", "--picture", answers, image)


def test_names_with_brackets_are_shown_as_they_are(tmp_path):
    image, picture = tmp_path / "gray [old].png", tmp_path / "[red]answers.png"
    Image.new("L", (32, 32)).save(image)
    output = run("predict", image, "--picture", picture).replace("\n", "")
    assert "gray [old].png" in output and "[red]answers.png" in output


def test_nothing_shown_is_taken_for_markup(capsys):
    for text in ("IMG_1 [old].png", "run[/a]/x.png", "[red]a.png", "a:cat:.png", "[", "a\\[b]"):
        for shown in (text, make_table("x" * 40, title=text), one_cell(text)):
            console.width = 200
            console.print(shown)
            assert text in capsys.readouterr().out
    for path in pathlib.Path(dia_keras.cli.__file__).parent.rglob("*.py"):
        assert "escape(" not in path.read_text()  # what is not taken for markup shows its escapes


def one_cell(text):
    table = make_table("x")
    table.add_row(text)
    return table


def test_names_that_are_not_printable_are_shown_with_escapes(seen, tmp_path):
    path = tmp_path / "a\nb\x1b[31m\udcff.png"
    Image.new("L", (32, 32)).save(path)
    assert r"a\nb\x1b[31m\udcff.png" in run("predict", path, "--model", "dia_resnet20_cifar10")
    (answer,) = json.loads(run("predict", path, "--model", "dia_resnet20_cifar10", "--json"))
    assert answer["image"] == str(path)


def test_no_text_is_cut_in_a_narrow_terminal(weights, npz, monkeypatch):
    evaluation = ("evaluate", "dia_resnet20_cifar10", "--weights", weights, "--data", npz)
    for command in (
        ("list",),
        ("list", "--attentions"),
        ("card", "dia_resnet20_cifar100"),
        ("predict", *sample_paths("cifar100"), "--top", 5),
        evaluation,
    ):
        assert "…" not in narrow(monkeypatch, *command)


def test_predict_of_a_text_file_is_an_error(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    assert "is not an image" in run("predict", tmp_path / "text.png", "--model", "dia_resnet20_cifar10", fails=True)


def test_one_unreadable_picture_leaves_the_others_their_answers(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    good = sample_paths("cifar100")[:2]
    result = CliRunner().invoke(main, ["predict", str(good[0]), str(tmp_path / "text.png"), str(good[1])])
    assert result.exit_code == 1
    assert "text.png is not an image" in result.stderr.replace("\n", "")
    assert all(path.name in result.stdout for path in good) and result.stdout.count("%") == 6
    result = CliRunner().invoke(main, ["predict", str(tmp_path / "text.png"), str(good[0]), "--json"])
    first, last = json.loads(result.stdout)
    assert result.exit_code == 1 and first["answers"] and "is not an image" in last["error"]


def test_pictures_that_are_missing_or_no_files_leave_the_others_their_answers(tmp_path):
    good = sample_paths("cifar100")[0]
    os.mkfifo(tmp_path / "pipe.png")
    bad = [tmp_path / "none.png", tmp_path, tmp_path / "pipe.png"]
    result = CliRunner().invoke(main, ["predict", *map(str, (*bad, good))])
    assert result.exit_code == 1 and good.name in result.stdout and "%" in result.stdout
    reported = "Error: {} does not exist.\n{} is not a file.\n{} is not a file.\n".format(*bad)
    assert result.stderr == reported


@pytest.mark.parametrize(
    ("activation", "outputs", "shown"),
    [
        ("softmax", [0.7, 0.2, 0.1], [0.7, 0.2, 0.1]),
        ("linear", [0.9, 0.5, 0.1], np.exp([0.9, 0.5, 0.1]) / np.exp([0.9, 0.5, 0.1]).sum()),
        ("linear", [0.6, 0.3, 0.1], np.exp([0.6, 0.3, 0.1]) / np.exp([0.6, 0.3, 0.1]).sum()),
        ("linear", [9, -5, 0], np.exp([9, -5, 0]) / np.exp([9, -5, 0]).sum()),
        ("sigmoid", [0.9, 0.5, 0.1], [0.9, 0.5, 0.1]),
    ],
)
def test_predict_shows_probabilities(tmp_path, activation, outputs, shown):
    before = {"softmax": np.log, "linear": np.array, "sigmoid": lambda p: np.log(p) - np.log1p(-np.array(p))}
    images = keras.Input((8, 8, 3))
    head = keras.layers.Dense(3, activation, kernel_initializer="zeros", bias_initializer="zeros")
    model = keras.Model(images, head(keras.layers.Flatten()(images)))
    head.bias.assign(before[activation](outputs))
    model.save(tmp_path / "model.keras")
    output = run("predict", sample_paths("cifar10")[0], "--model", tmp_path / "model.keras", "--json")
    found = {int(answer["label"]): answer["probability"] for answer in json.loads(output)[0]["answers"]}
    np.testing.assert_allclose([found[number] for number in range(3)], shown, rtol=1e-5)


def test_a_network_that_answers_with_nan_is_an_error(monkeypatch):
    class Network:
        layers = (None,)

        def predict(self, images, **settings):
            return np.full((len(images), 10), np.nan)

    monkeypatch.setattr("dia_keras.zoo.networks.by_card.load", lambda name, **settings: Network())
    assert "must answer with finite scores" in run("predict", sample_paths("cifar10")[0], fails=True)


@pytest.fixture
def seen(monkeypatch):
    """Returns a list of what a network in place of the zoo's is given."""
    seen = []

    class Network:
        layers = (None,)

        def predict(self, images, **settings):
            seen.append(images)
            return np.full((len(images), 10), 0.1)

    monkeypatch.setattr("dia_keras.zoo.networks.by_card.load", lambda name, **settings: Network())
    return seen


def test_predict_gives_the_network_what_a_folder_has(seen, tmp_path):
    """The same noisy photo, turned by its EXIF orientation."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (384, 512, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    for path in (tmp_path / "train" / "a" / "photo.jpg", tmp_path / "test" / "a" / "photo.jpg"):
        path.parent.mkdir(parents=True)
        noise.save(path, exif=exif)
    for resize in (None, *typing.get_args(Resize)):
        run("predict", path, "--model", "dia_resnet20_cifar10", *(["--resize", resize] if resize else []))
        folder = data.load(tmp_path, image_size=(32, 32), resize=resize or "crop")
        np.testing.assert_array_equal(seen.pop(), folder.test.images)
        np.testing.assert_array_equal(folder.test.images[0], read_picture(path, 32, 32, resize or "crop"))


def test_predict_resizes_as_the_card_says(seen, monkeypatch, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)).save(tmp_path / "wide.png")
    card = dataclasses.replace(zoo.card("dia_resnet20_cifar10"), resize="pad")
    monkeypatch.setattr("dia_keras.zoo.finding.card", lambda name: card)
    monkeypatch.setattr("dia_keras.zoo.predictions.card", lambda name: card)
    run("predict", tmp_path / "wide.png", "--model", "dia_resnet20_cifar10")
    np.testing.assert_array_equal(seen.pop(), [read_picture(tmp_path / "wide.png", 32, 32, "pad")])


@pytest.mark.parametrize("card_resize", ["crop", "stretch"])
@pytest.mark.parametrize("resize", [None, "pad"])
def test_data_are_loaded_as_rgb_by_the_rule_given_or_the_cards(resize, card_resize, monkeypatch, tmp_path):
    card = dataclasses.replace(zoo.card("dia_resnet20_cifar10"), resize=card_resize)
    for owner in ("dia_keras.zoo", "dia_keras.zoo.finding"):
        monkeypatch.setattr(f"{owner}.card", lambda name: card)
    given = []

    def load(source, **arguments):
        given.append((source, arguments["image_size"], arguments["resize"], arguments["channels"]))
        raise ValueError("enough")

    monkeypatch.setattr(data, "load", load)
    name, options = "dia_resnet20_cifar10", ["--data", "somewhere", *(["--resize", resize] if resize else [])]
    run("evaluate", name, *options, fails=True)
    run("train", RECIPES / "one_cycle_cpu.py", "--entry", name, "--out", tmp_path, *options, fails=True)
    run("export", name, tmp_path / "model.onnx", "--test", *options, fails=True)
    assert given == [("somewhere", (32, 32), resize or card_resize, 3)] * 3


def test_the_rules_of_resizing_are_those_of_the_data():
    assert Resize == options.Resize
    assert all(zoo.card(name).resize in typing.get_args(Resize) for name in zoo.list_models())
    assert "resize" in run("card", "dia_resnet20_cifar10") and "crop" in run("card", "dia_resnet20_cifar10")


@pytest.mark.filterwarnings("default:Skipped")
def test_a_damaged_picture_in_a_folder_is_an_error_with_its_name(weights, tmp_path):
    for split in ("train", "test"):
        for name in zoo.card("dia_resnet20_cifar10").labels:
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (64, 64)).save(tmp_path / split / name / "0.jpg")
    options = ("--weights", weights, "--data", tmp_path)
    assert json.loads(run("evaluate", "dia_resnet20_cifar10", *options, "--json"))["images"] == 10
    (tmp_path / "test" / "cat" / "._0.jpg").touch()
    result = CliRunner().invoke(main, ["evaluate", "dia_resnet20_cifar10", *map(str, options), "--json"])
    hidden = f"Warning: Skipped 1 hidden files and folders in {tmp_path}, such as test/cat/._0.jpg.\n"
    assert result.stderr == hidden and json.loads(result.stdout)["images"] == 10
    bad = tmp_path / "test" / "cat" / "0.jpg"
    bad.write_bytes(bad.read_bytes()[:-300])
    output = run("evaluate", "dia_resnet20_cifar10", *options, fails=True)
    assert f"Error: {bad} cannot be read: " in output and "remove" in output


def test_a_picture_of_a_kind_that_is_not_written_is_an_error(tmp_path):
    for command in (("predict", *sample_paths("cifar100"), "--picture"), ("benchmark", "resnet20_cifar10", "--plot")):
        output = run(*command, tmp_path / "picture.jpg", fails=True)
        assert f"`{command[-1]}` must end in .png" in output and not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [("predict",), ("benchmark", "resnet20_cifar10")])
def test_a_picture_that_no_command_wrote_is_not_replaced(command, tmp_path):
    picture = tmp_path / "photo.png"
    picture.write_bytes(sample_paths("cifar100")[0].read_bytes())
    before = picture.read_bytes()
    arguments = (picture, "--picture") if command == ("predict",) else ("--plot",)
    output = run(*command, *arguments, picture, fails=True)
    assert f"`{arguments[-1]}` is the file to write, and must be new" in output and picture.read_bytes() == before


def test_files_without_a_folder_are_an_error_before_the_work(tmp_path):
    image = tmp_path / "gray.png"
    Image.new("L", (32, 32)).save(image)
    for command in (("predict", image, "--picture"), ("benchmark", "dia_resnet20_cifar10", "--out")):
        file = "file.json" if "--out" in command else "file.png"
        output = run(*command, tmp_path / "none" / file, fails=True)
        assert "folder of a file to write must exist" in output.replace("\n", " ")


def test_evaluate_shows_accuracy_by_class(weights, npz):
    output = run("evaluate", "dia_resnet20_cifar10", "--weights", weights, "--data", npz)
    assert "automobile" in output and "top-5" in output


def test_evaluate_as_json_has_all_accuracies(weights, npz):
    options = ("--weights", weights, "--data", npz)
    found = json.loads(run("evaluate", "dia_resnet20_cifar10", *options, "--json"))
    assert found["entry"] == "dia_resnet20_cifar10" and found["images"] == 40
    assert list(found["per_class"]) == list(zoo.card("dia_resnet20_cifar10").labels)
    assert found["top1"] == pytest.approx(np.mean(list(found["per_class"].values()))) and found["top5"] >= found["top1"]


def test_train_smoke_leaves_weights_that_load(npz, tmp_path):
    # In rich's markup, [/a] would close what nothing has opened.
    tmp_path = tmp_path / "run[" / "a]"
    output = run(
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
    assert f"Training is complete: {tmp_path}/final.weights.h5" in output.replace("\n", "")
    assert json.loads((tmp_path / "run.json").read_text())["minutes"] > 0
    with Image.open(tmp_path / "curves.png") as curves:
        assert curves.size[0] > 100


def test_train_fits_its_epochs_into_a_budget_and_goes_on_alike(npz, tmp_path, monkeypatch):
    """A cut run that had chosen its own epochs goes on with the same ones, whatever time is left."""
    speed = Speed(per_epoch=0.5, compiling=1.0)  # whatever else the machine does
    monkeypatch.setattr("dia_keras.training.runs.epochs_that_fit.measure_speed", lambda *given, **options: speed)
    common = ["train", RECIPES / "paper_resnet.py", "--entry", "dia_resnet20_cifar10", "--data", npz, "--out", tmp_path]
    changes = ["--set", "batch_size=8", "--set", "epochs=100000", "--set", "milestones=(50000, 75000)", "--fit"]

    def train(minutes):
        result = CliRunner().invoke(main, [str(argument) for argument in (*common, *changes, "--minutes", minutes)])
        assert result.exit_code in (0, BUDGET_SPENT), result.output

    train(0.15)
    recipe = json.loads((tmp_path / "recipe.json").read_text())
    assert 1 <= recipe["epochs"] <= 15
    expected = (max(1, round(share * recipe["epochs"])) for share in (0.5, 0.75))
    assert recipe["milestones"] == list(dict.fromkeys(expected))
    train(0.01)
    assert json.loads((tmp_path / "recipe.json").read_text()) == recipe


def test_data_in_another_class_order_are_numbered_as_the_network_has_them(npz, tmp_path):
    with np.load(npz) as arrays:
        turned = {name: 9 - arrays[name] for name in ("y_train", "y_test")}
        np.savez(tmp_path / "other.npz", **{**arrays, **turned, "class_names": arrays["class_names"][::-1]})
    card = zoo.card("dia_resnet20_cifar10")
    right, found = (load_data(card, source, held_out=4) for source in (npz, tmp_path / "other.npz"))
    assert found.class_names == card.labels
    np.testing.assert_array_equal(found.test.labels, right.test.labels)
    assert found.train.labels.dtype == right.train.labels.dtype
    labels = {
        image.tobytes(): label
        for split in (right.train, right.held_out)
        for image, label in zip(split.images, split.labels, strict=True)
    }
    for split in (found.train, found.held_out):
        assert [labels[image.tobytes()] for image in split.images] == split.labels.tolist()


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


def test_a_smoke_run_without_a_folder_leaves_none(npz, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = []

    def training(recipe, directory, **options):
        assert options["is_smoke"] and directory.is_dir()
        seen.append(directory)
        (directory / "final.weights.h5").touch()
        return directory / "final.weights.h5"

    monkeypatch.setattr(dia_keras.training, "train", training)
    output = run("train", RECIPES / "one_cycle_cpu.py", "--smoke", "--data", npz)
    assert "The recipe runs" in output and str(seen[0]) not in output
    assert len(seen) == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["epochs", "speed=3", "warmup=high", "path=3", "phases=5", "epochs={[]:1}"])
def test_wrong_change_of_a_recipe_is_an_error(change):
    run("train", RECIPES / "one_cycle_cpu.py", "--set", change, fails=True)


@pytest.mark.tensorflow
def test_export_writes_a_file(weights, tmp_path):
    tmp_path = tmp_path / "old [" / "b] :cat:"
    tmp_path.mkdir(parents=True)
    output = run("export", "dia_resnet20_cifar10", tmp_path / "model.tflite", "--weights", weights)
    assert (tmp_path / "model.tflite").stat().st_size > 500_000 and "difference to Keras" in output
    assert "old [/b] :cat:/model.tflite" in " ".join(output.split())
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
    assert "`--quantize` must be int8, or left out, for onnx. Received: float16" in output
    output = run("export", "dia_resnet20_cifar10", tmp_path / "folder", "--quantize", "int8", fails=True)
    assert "`--quantize` must be left out for saved_model. Received: int8" in output
    output = run("export", "dia_resnet20_cifar10", tmp_path / "folder", "--input-dtype", "uint8", fails=True)
    assert "`--input-dtype` is for .tflite and .onnx files" in output


@pytest.mark.tensorflow
@pytest.mark.parametrize("options", [(), ("--input-dtype", "float32")])
def test_export_compares_a_network_without_a_normalization_on_pixels(options, tmp_path, monkeypatch):
    layers = keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")
    keras.Sequential(layers).save(tmp_path / "mine.keras")
    given = []

    def export_model(format, model, path, *, images, **others):
        given.append(images)
        raise ValueError("`model` is enough. Received: enough")

    monkeypatch.setattr("dia_keras.export.exporter.export_model", export_model)
    run("export", tmp_path / "mine.keras", tmp_path / "model.tflite", *options, fails=True)
    assert given[0].dtype == np.uint8 and given[0].max() > 100


@pytest.mark.tensorflow
@pytest.mark.parametrize("file", ["model.tflite", "model.onnx", "folder"])
def test_export_takes_a_network_without_a_normalization_as_one_of_pixels(file, tmp_path):
    layers = keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")
    keras.Sequential(layers).save(tmp_path / "mine.keras")
    run("export", tmp_path / "mine.keras", tmp_path / file, "--resize", "pad")
    assert (tmp_path / file).exists()
    if file == "model.tflite":
        metadata = json.loads(zipfile.ZipFile(tmp_path / file).read("metadata.json"))
        expected = {"name": "images", "dtype": "uint8", "shape": [8, 8, 1], "values": [0, 255], "resize": "pad"}
        assert metadata["input"] == expected


def test_export_says_which_options_are_of_no_use(npz, tmp_path):
    for option in (("--data", npz), ("--data-dir", tmp_path)):
        output = run("export", "dia_resnet20_cifar10", tmp_path / "model.onnx", *option, fails=True)
        assert "`--data` and `--data-dir` are for `--test`" in output


@pytest.mark.tensorflow
def test_export_measures_the_file_on_the_test_set(weights, npz, tmp_path):
    path = tmp_path / "model.onnx"
    output = run("export", "dia_resnet20_cifar10", path, "--weights", weights, "--test", "--data", npz)
    report = json.loads((tmp_path / "model.onnx.report.json").read_text())
    assert report["top1"] == report["model_top1"] and "top-1" in output
    assert all(f" {100 * report[key]:.2f} " in output for key in ("top1", "model_top1"))


def test_a_folder_may_be_called_as_a_data_set():
    assert _paths(("mini_imagenet",)) == {"": "mini_imagenet"}
    assert _paths(("cifar10=x", "other", "a=b")) == {"cifar10": "x", "": "a=b"}
    for value in ("cifar10=", ""):
        with pytest.raises(ValueError, match=rf"`--data` takes \[NAME=\]PATH. Received: '{value}', without a path"):
            _paths((value,))


def test_a_folder_where_the_report_is_to_be_is_an_error_before_the_export(weights, tmp_path):
    (tmp_path / "model.onnx.report.json").mkdir()
    output = run("export", "dia_resnet20_cifar10", tmp_path / "model.onnx", "--weights", weights, fails=True)
    assert "report.json must not be a folder" in output and not (tmp_path / "model.onnx").exists()
    notes = tmp_path / "model.tflite.report.json"
    notes.write_text("notes")
    output = run("export", "dia_resnet20_cifar10", tmp_path / "model.tflite", "--weights", weights, fails=True)
    assert "must be new, or one that the same option wrote earlier" in " ".join(output.split())
    assert notes.read_text() == "notes" and not (tmp_path / "model.tflite").exists()


def test_export_to_an_unknown_format_is_an_error(weights, tmp_path):
    output = run("export", "dia_resnet20_cifar10", tmp_path / "model.pt", "--weights", weights, fails=True)
    assert "must end in .tflite or .onnx" in output


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "card",
        "predict",
        "evaluate",
        "train",
        "fine-tune",
        "reproduce",
        "export",
        "convert",
        "push",
        "benchmark",
    ],
)
def test_help_has_examples(command):
    assert f"Examples:\n    dia-keras {command}" in run(command, "--help")


@pytest.mark.parametrize("command", ["predict", "evaluate", "export", "benchmark"])
def test_help_says_what_a_network_may_be(command):
    shown = " ".join(run(command, "--help").split())
    assert all(each in shown for each in ("hf://user/repo", "folder", ".keras", "weights file"))


def test_the_list_of_commands_is_whole_in_80_columns():
    result = CliRunner().invoke(main, ["--help"], terminal_width=80)
    commands = result.output.partition("Commands:")[2]
    assert "..." not in commands and all(f"  {name} " in commands for name in main.commands)


def test_benchmark_as_json_has_what_the_file_has(tmp_path, monkeypatch):
    from dia_keras import benchmark

    measured = benchmark.Measurement(
        network="dia", base="plain", runtime="tflite", batch_size=1, threads=1, milliseconds=2.0, ratio=1.25, runs=3
    )
    monkeypatch.setattr(benchmark, "measure", lambda names, **options: [measured])
    output = run("benchmark", "dia_resnet20_cifar10", "--json", "--out", tmp_path / "found.json")
    assert json.loads(output) == json.loads((tmp_path / "found.json").read_text())
    assert json.loads(output)["measurements"][0]["ratio"] == 1.25
    run("benchmark", "dia_resnet20_cifar10", "--out", tmp_path / "found.json")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.npz", b"images", "`--out` must end in .json"),
        ("recipe.json", b'{"entry": "dia_resnet20_cifar10"}', "must be new, or one that the same option wrote earlier"),
        ("notes.json", b"notes", "must be new, or one that the same option wrote earlier"),
    ],
)
def test_benchmark_does_not_replace_what_it_did_not_write(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert message in " ".join(run("benchmark", "resnet20_cifar10", "--out", tmp_path / name, fails=True).split())
    assert (tmp_path / name).read_bytes() == content


LIGHT = """
import sys
at_start = set(sys.modules)
sys.argv[0] = "dia-keras"
from dia_keras.cli import main
try:
    main(prog_name="dia-keras")
finally:
    loaded = {name.partition(".")[0] for name in set(sys.modules) - at_start}
    heavy = loaded - sys.stdlib_module_names - {"click", "rich", "pygments", "markdown_it", "mdurl", "dia_keras"}
    assert not heavy, heavy
"""


def run_light(*arguments, **environment):
    """Returns what a command prints, in a process that may import what draws the terminal, but nothing larger."""
    command = [sys.executable, "-c", LIGHT, *arguments]
    shown = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert shown.returncode == 0 and shown.stderr == "", shown.stderr
    return shown.stdout


def test_the_package_runs_as_the_command():
    command = [sys.executable, "-X", "importtime", "-m", "dia_keras", "list", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.startswith("Usage: dia-keras list ")
    assert " click" in done.stderr and " keras" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_comes_at_once_and_without_keras(arguments):
    assert "dia-keras" in run_light(*arguments)


def test_lists_and_cards_come_at_once_and_without_keras():
    assert [row["name"] for row in json.loads(run_light("list", "--json"))] == zoo.list_models()
    assert json.loads(run_light("card", "resnet20_cifar10", "--json"))["parameters"] == 272_474


def test_the_shell_completes_names_of_entries_at_once():
    for words in ("card dia_resnet1", "evaluate dia_resnet1", "export dia_resnet1", "benchmark dia_resnet1"):
        output = run_light(_DIA_KERAS_COMPLETE="bash_complete", COMP_WORDS=f"dia-keras {words}", COMP_CWORD="2")
        assert output.split() == [f"plain,{name}" for name in zoo.list_models("dia_resnet1*")]
    for words in ("predict --model dia_resnet1", "train --entry dia_resnet1"):
        output = run_light(_DIA_KERAS_COMPLETE="bash_complete", COMP_WORDS=f"dia-keras {words}", COMP_CWORD="3")
        assert output.split() == [f"plain,{name}" for name in zoo.list_models("dia_resnet1*")]


def test_folders_of_the_package_are_there_for_the_command_line_too():
    script = "import sys; sys.argv[0] = 'dia-keras'; import dia_keras; print(dia_keras.units, dia_keras.zoo.load)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "module 'dia_keras.units'" in shown.stdout and "function load" in shown.stdout, shown.stderr
    with pytest.raises(AttributeError, match="module 'dia_keras' has no attribute 'nothing'"):
        _ = dia_keras.nothing
    assert {"analysis", "reproduction", "units", "PixelRangeWarning"} <= {*dir(dia_keras)}
    assert {"units", "backbones", "zoo", "export"} <= vars(dia_keras).keys()  # so that saved models load
