"""Tests of fine-tuning, and of the commands that take its run: a network of 8 layers, on images of 8x8 pixels."""

import csv
import dataclasses
import json
import os
import shutil
import signal
import zipfile
from typing import NamedTuple

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from cuts import CutAt
from PIL import Image

from dia_keras import data, training, zoo
from dia_keras.backbones import resnet
from dia_keras.cli import main
from dia_keras.training import SGDL2, FineTuning, fine_tune
from dia_keras.training.tuning import best_epoch, fine_tuning, rate_finder, two_phases
from dia_keras.training.tuning.confusion import figures
from dia_keras.training.tuning.images import choose_images, divided, prepare, starting_model
from dia_keras.training.tuning.layerwise import LayerwiseSGD, depth_of, factors_of
from dia_keras.training.tuning.two_phases import (
    batches_of,
    class_weights,
    compile_with,
    set_trainable,
    without_classifier_activation,
)
from dia_keras.zoo import cards, entries
from dia_keras.zoo.finding import find_network
from dia_keras.zoo.hub.publishing import write_repository

pytestmark = pytest.mark.usefixtures("programs_compiled_once", "few_batches_for_statistics")
ENTRIES = """
license = "Apache-2.0"
papers = { none = "None" }
[backbones.tiny]
function = "resnet"
arguments = { depth = 8, block = "basic" }
recipe = "one_cycle_cpu"
paper = "none"
[attentions]
plain = { attention = "se" }
[parameters]
cifar10 = { backbones = ["tiny"], plain = [100_000] }
"""
LIGHT_AND_SHAPE = {"brightness": 0.1, "contrast": 0.2, "rotation": 10.0, "zoom": 0.1}
SETTINGS = {"batch_size": 8, "head_epochs": 1, "epochs": 2, "freeze": 1, **LIGHT_AND_SHAPE}


def held_out_of(split, share):
    """Returns a split without, and with, the images that a fine-tuning of seed 0 holds out."""
    return divided(split, choose_images(split.labels, share, 0))


class Run(NamedTuple):
    """A run: what it found, the data, the weights that it began with, and the steps that each part may compile for."""

    found: object
    npz: object
    weights: object
    compiled: list

    @property
    def folder(self):
        return self.found.directory


@pytest.fixture(scope="module", autouse=True)
def tiny_zoo(tmp_path_factory):
    """A zoo of the entry `tiny_cifar10`, with the path of a weights file for it."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "cards").mkdir()
    (folder / "entries.toml").write_text(ENTRIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cards, "CARDS", folder / "cards")
        patch.setattr(entries, "ENTRIES", folder / "entries.toml")
        weights = folder / "tiny.weights.h5"
        zoo.save_weights(zoo.load("tiny_cifar10", weights=None), weights)
        yield weights


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    """Two classes, dark and bright gray images, three of the first for one of the second."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "light.npz"
    y = np.arange(32) % 4 // 3
    x = (rng.integers(0, 100, (32, 8, 8, 3)) + 150 * y[:, None, None, None]).astype("uint8")
    np.savez(path, x_train=x, y_train=y, x_test=x[:16], y_test=y[:16], class_names=["dark", "bright"])
    return path


@pytest.fixture(scope="module")
def run(tiny_zoo, npz, tmp_path_factory):
    folder, compiled = tmp_path_factory.mktemp("runs") / "new" / "run", []

    def compiled_step(model, *steps):
        compiled.append(steps)
        return own(model, *steps)

    own = two_phases.compiled_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(two_phases, "compiled_step", compiled_step)
        found = fine_tune(
            FineTuning("tiny_cifar10", **SETTINGS), npz, folder, image_size=(8, 8), channels=1, weights=tiny_zoo
        )
    return Run(found, npz, tiny_zoo, compiled)


def call(*arguments, fails=False):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], terminal_width=200)
    assert (result.exit_code != 0) == fails, result.output
    if fails:
        assert "Traceback" not in result.output and isinstance(result.exception, SystemExit)
        assert len([line for line in result.output.splitlines() if line.startswith("Error: ")]) == 1
    return result.output


def test_a_run_has_all_of_it(run):
    assert {path.name for path in run.folder.iterdir()} == {
        "card.json",
        "confusion.png",
        "curves.png",
        "log.csv",
        "model.keras",
        "report.json",
    }
    card = json.loads((run.folder / "card.json").read_text())
    assert card["labels"] == ["dark", "bright"] and card["image_size"] == [8, 8] and card["channels"] == 1
    assert card["normalization"]["mean"] == pytest.approx([np.mean(zoo.cards.dataset("cifar10").mean)], abs=1e-5)
    for picture in ("confusion.png", "curves.png"):
        with Image.open(run.folder / picture) as drawn:
            assert drawn.size[0] > 100


def test_each_part_is_compiled_by_its_own_number_of_steps(run):
    images = len(held_out_of(data.load(run.npz, channels=1).train, 0.1)[0].labels)
    assert run.compiled == [(images // 8, 1), (2 * (images // 8), 2)]


def test_the_report_names_balanced_accuracy_and_that_of_every_class(run):
    report = json.loads((run.folder / "report.json").read_text())
    assert report["test"] == run.found.test and report["settings"]["freeze"] == 1
    for figures_of in (report["test"], report["held_out"]):
        counts = np.array(figures_of["confusion"])
        assert figures_of["images"] == counts.sum()
        assert figures_of["accuracy"] == pytest.approx(counts.trace() / counts.sum())
        assert figures_of["balanced_accuracy"] == pytest.approx(np.mean(counts.diagonal() / counts.sum(axis=1)))
    assert list(report["test"]["per_class"]) == ["dark", "bright"]


def test_the_weights_are_those_of_the_best_epoch(run):
    with (run.folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    losses = [float(row["val_loss"]) for row in rows]
    assert json.loads((run.folder / "report.json").read_text())["best_epoch"] == 1 + int(np.argmin(losses))
    loaded = data.load(run.npz, channels=1)
    training, held_out = held_out_of(loaded.train, 0.1)
    scores = find_network(run.folder).load().predict(held_out.images, verbose=0)
    weights = class_weights(training.labels, 2)[held_out.labels]
    loss = -np.log(scores[np.arange(len(scores)), held_out.labels])
    # Keras divides the weighted sum by the number of images.
    assert (weights * loss).mean() == pytest.approx(min(losses), rel=1e-3)


def test_frozen_stages_keep_all_their_weights_and_the_others_learn(run):
    before = zoo.load("tiny_cifar10", weights=run.weights, input_shape=(8, 8, 1), num_classes=2)
    after = find_network(run.folder).load()
    changed = {
        layer.name: any(
            not np.array_equal(*map(keras.ops.convert_to_numpy, pair))
            for pair in zip(layer.weights, after.get_layer(layer.name).weights, strict=True)
        )
        for layer in before.layers
        if layer.weights
    }
    # By name: not even the statistics of frozen norms move.
    assert not any(value for name, value in changed.items() if name.startswith(("stem", "stage1")))
    assert changed["classifier"] and (changed["stage3_block1_conv2"] or run.found.test["accuracy"] == 1)


def test_an_image_that_is_wrong_with_certainty_is_learned_from():
    """Its probability is 0 in float32's log, where JAX and PyTorch would have no gradient."""
    model = resnet(8, "basic", input_shape=(8, 8, 3), num_classes=2)
    classifier = model.get_layer("classifier")
    classifier.set_weights([np.zeros((64, 2)), np.array([0.0, 60.0])])
    settings = FineTuning("x", head_epochs=1, label_smoothing=0.0)
    set_trainable(model, 3, 3, "trained", is_head_only=True)
    with without_classifier_activation(model):
        compile_with(model, settings, 3, 1.0)
        loss = model.train_on_batch(np.zeros((4, 8, 8, 3)), np.tile([1.0, 0.0], (4, 1)))
    assert np.ravel(loss)[0] == pytest.approx(60, rel=1e-3)
    bias = keras.ops.convert_to_numpy(classifier.bias)
    assert bias[0] > 0.5 and bias[1] < 59.5
    assert classifier.activation is keras.activations.softmax


def test_layers_are_frozen_by_stage_and_norms_by_choice():
    model = zoo.load("tiny_cifar10", weights=None, input_shape=(8, 8, 3))
    set_trainable(model, 3, 1, "trained", is_head_only=False)
    trained = {layer.name for layer in model.layers if layer.trainable_variables}
    assert {"stage2_block1_conv1", "stage2_block1_bn1", "classifier"} <= trained
    assert not any(name.startswith(("stem", "stage1")) for name in trained)
    set_trainable(model, 3, 0, "frozen", is_head_only=False)
    trained = {layer.name for layer in model.layers if layer.trainable_variables}
    assert {"stem_conv", "stage1_block1_conv1"} <= trained and not any("bn" in name for name in trained)
    set_trainable(model, 3, 0, "trained", is_head_only=True)
    assert {layer.name for layer in model.layers if layer.trainable_variables} == {"classifier"}


def test_earlier_stages_learn_more_slowly():
    model = zoo.load("tiny_cifar10", weights=None, input_shape=(8, 8, 3))
    assert [depth_of(model.get_layer(name), 3) for name in ("stem_bn", "stage2_output", "classifier")] == [0, 2, 4]
    factors = dict(zip([each.path for each in model.trainable_variables], factors_of(model, 3, 0.5), strict=True))
    found = {key: {value for path, value in factors.items() if key in path} for key in ("stem", "stage1", "stage3")}
    assert found == {"stem": {1 / 16}, "stage1": {1 / 8}, "stage3": {1 / 2}}
    assert {value for path, value in factors.items() if "classifier" in path} == {1.0}


def test_a_step_is_that_of_sgd_with_each_weights_own_learning_rate():
    def weights_after(optimizer, start):
        variables = [keras.Variable(value, name=f"kernel{i}") for i, value in enumerate(start)]
        optimizer.build(variables)
        for _ in range(2):
            gradients = [keras.ops.convert_to_tensor(value) for value in ([0.5, -1.0], [2.0])]
            optimizer.apply(gradients, variables)
        return [keras.ops.convert_to_numpy(variable) for variable in variables]

    start = [np.array([1.0, 2.0], "float32"), np.array([3.0], "float32")]
    options = {"l2": 0.1, "momentum": 0.9, "nesterov": True}
    found = weights_after(LayerwiseSGD(0.2, [1, 0.5], **options), start)
    for i, rate in enumerate((0.2, 0.1)):
        np.testing.assert_allclose(found[i], weights_after(SGDL2(rate, **options), start)[i], rtol=1e-6)
    with pytest.raises(ValueError, match=r"one for each of 2 variables. Received: 1"):
        weights_after(LayerwiseSGD(0.2, [1]), start)


def test_light_and_shape_are_those_of_the_settings(npz):
    split = data.load(npz).train
    plain, same, changed = (
        keras.ops.convert_to_numpy(next(batches_of(FineTuning("tiny_cifar10", batch_size=8, **options), split, 2)())[0])
        for options in ({}, dict.fromkeys(LIGHT_AND_SHAPE, 0.0), LIGHT_AND_SHAPE)
    )
    np.testing.assert_array_equal(plain, same)
    assert not np.array_equal(plain, changed)


def test_a_share_of_every_class_is_held_out_and_classes_weigh_the_same():
    labels = np.array([0] * 20 + [1] * 5 + [2])
    training, held_out = held_out_of(data.Split(np.arange(26), labels), 0.1)
    assert np.bincount(held_out.labels).tolist() == [2, 1] and np.bincount(training.labels).tolist() == [18, 4, 1]
    assert sorted([*training.images, *held_out.images]) == list(range(26))
    assert not len(held_out_of(data.Split(np.arange(26), labels), 0.0)[1].labels)
    weights = class_weights(labels, 4)
    np.testing.assert_allclose(weights[:3] * [20, 5, 1], 26 / 3)
    assert figures(np.array([[8, 2], [1, 1]]), ["a", "b"]) == {
        "images": 12,
        "accuracy": 0.75,
        "balanced_accuracy": pytest.approx(0.65),
        "per_class": {"a": 0.8, "b": 0.5},
        "confusion": [[8, 2], [1, 1]],
    }


def test_evaluate_takes_a_run_and_finds_what_its_report_says(run):
    found = json.loads(call("evaluate", run.folder, "--data", run.npz, "--json"))
    assert found["top1"] == pytest.approx(run.found.test["accuracy"])
    assert found["balanced"] == pytest.approx(run.found.test["balanced_accuracy"])
    assert found["per_class"] == pytest.approx(run.found.test["per_class"])
    # The file of a run is the run.
    assert (
        json.loads(call("evaluate", run.folder / "model.keras", "--data", run.npz, "--json"))["top1"] == found["top1"]
    )
    assert "no data set of its own" in call("evaluate", run.folder, fails=True)


def test_predict_takes_a_run_and_a_file_of_keras(run, tmp_path):
    Image.new("RGB", (20, 10), "white").save(tmp_path / "white.png")
    shutil.copy(run.folder / "model.keras", tmp_path / "alone.keras")
    (found,) = json.loads(call("predict", tmp_path / "white.png", "--model", run.folder, "--json"))
    (alone,) = json.loads(call("predict", tmp_path / "white.png", "--model", tmp_path / "alone.keras", "--json"))
    white = np.full((1, 8, 8, 1), 255, "uint8")
    scores = find_network(run.folder).load().predict(white, verbose=0)[0]
    answers = {each["label"]: each["probability"] for each in found["answers"]}
    assert answers == pytest.approx({"dark": scores[0], "bright": scores[1]})
    # Without a card, classes are numbers.
    answers = {each["label"]: each["probability"] for each in alone["answers"]}
    assert answers == pytest.approx({"0": scores[0], "1": scores[1]})


def test_logits_of_a_file_of_keras_become_probabilities(tmp_path):
    Image.new("RGB", (8, 8), "white").save(tmp_path / "white.png")
    model = zoo.load("tiny_cifar10", weights=None, input_shape=(8, 8, 3), classifier_activation=None)
    model.get_layer("classifier").bias.assign(np.linspace(-9, 9, 10))
    model.save(tmp_path / "logits.keras")
    options = ("--model", tmp_path / "logits.keras", "--top", 10, "--json")
    (found,) = json.loads(call("predict", tmp_path / "white.png", *options))
    assert sum(each["probability"] for each in found["answers"]) == pytest.approx(1)


def test_export_and_benchmark_take_a_run(run, tmp_path, monkeypatch):
    from dia_keras.benchmark.contenders import candidates
    from dia_keras.export import exporter

    given = []

    def export_model(format, model, path, labels, **options):
        given.extend([model.output_shape, labels])
        raise ValueError("enough")

    monkeypatch.setattr(exporter, "export_model", export_model)
    call("export", run.folder, tmp_path / "model.onnx", fails=True)
    assert given == [(None, 2), ("dark", "bright")]
    ((name, timed),) = candidates([str(run.folder)]).items()
    assert name == timed.base == str(run.folder) and timed.build().input_shape == (None, 8, 8, 1)


@pytest.mark.tensorflow
def test_a_run_on_gray_images_is_exported(run, tmp_path):
    pytest.importorskip("ai_edge_litert")
    folder = shutil.copytree(run.folder, tmp_path / "run")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "resize": "stretch"}))
    call("export", folder, tmp_path / "run.tflite")
    with zipfile.ZipFile(tmp_path / "run.tflite") as archive:
        metadata = json.loads(archive.read("metadata.json"))
    expected = {"name": "images", "dtype": "uint8", "shape": [8, 8, 1], "values": [0, 255], "resize": "stretch"}
    assert metadata["input"] == expected
    assert metadata["labels"] == ["dark", "bright"]


def test_a_run_of_a_recipe_is_taken_too(tiny_zoo, tmp_path):
    shutil.copy(tiny_zoo, tmp_path / "final.weights.h5")
    (tmp_path / "recipe.json").write_text(json.dumps({"entry": "tiny_cifar10"}))
    network = find_network(tmp_path)
    assert network.labels == zoo.card("tiny_cifar10").labels and network.data == "cifar10"
    expected = zoo.load("tiny_cifar10", weights=tiny_zoo).get_weights()
    np.testing.assert_array_equal(network.load().get_weights()[0], expected[0])


def test_train_from_an_entry_is_fine_tune(npz, tiny_zoo, tmp_path, monkeypatch):
    given = []

    def stop(settings, *arguments, **options):
        given.append((settings, arguments))
        raise ValueError("`source` is enough. Received: enough")

    monkeypatch.setattr(training, "fine_tune", stop)
    common = ("train", "--data", npz, "--from", "tiny_cifar10")
    assert "`--data` is enough" in call(*common, "--freeze", 2, "--out", tmp_path / "run", fails=True)
    assert given == [(FineTuning("tiny_cifar10", freeze=2), (str(npz), tmp_path / "run"))]
    for options in (("--minutes", 3), ("--smoke",), ("--entry", "tiny_cifar10")):
        assert "Without a RECIPE, `--from` takes" in call(*common, *options, fails=True)
    assert "Give a RECIPE, or" in call("train", fails=True) and len(given) == 1


@pytest.mark.eager
def test_the_command_fine_tunes_and_shows_every_class(npz, tiny_zoo, tmp_path):
    options = ("--weights", tiny_zoo, "--size", "8", "--head-epochs", 1, "--epochs", 0, "--held-out", 0)
    output = call("fine-tune", npz, "--from", "tiny_cifar10", *options, "--out", tmp_path / "run")
    assert all(each in output for each in ("dark", "bright", "balanced: mean of the classes", "all 16 images"))
    assert find_network(tmp_path / "run").channels == 3
    assert json.loads((tmp_path / "run" / "report.json").read_text())["held_out"]["accuracy"] is None


@pytest.mark.torch
def test_the_command_holds_patients_out_and_says_how_many(tiny_zoo, tmp_path):
    for split, number in (("train", 6), ("test", 2)):
        for label, color in (("dark", 50), ("bright", 200)):
            folder = tmp_path / "data" / split / label
            folder.mkdir(parents=True)
            for image in range(2 * number):
                Image.new("L", (8, 8), color).save(folder / f"{label}{image // 2}_{image % 2}.png")
    options = ("--weights", tiny_zoo, "--size", "8", "--head-epochs", 1, "--epochs", 0)
    common = ("fine-tune", tmp_path / "data", "--from", "tiny_cifar10", *options, "--out", tmp_path / "run", "--group")
    assert "finds nothing in bright0_0.png" in call(*common, "dark.", fails=True)
    assert "which finds 1 groups in the class bright" in call(*common, "dark.|bright", fails=True)
    call(*common, r"(\w+)_")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["groups"] == {"training": 10, "held_out": 2} and report["settings"]["group"] == r"(\w+)_"
    assert report["held_out"]["images"] == 4


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--from", "tiny_cifar1"), "Did you mean 'tiny_cifar10'"),
        (("--freeze", 4), "`--freeze` must be at most 3, the stages of tiny_cifar10. Received: --freeze=4"),
        (("--size", "0"), "`--size` must be a number of pixels"),
        (("--channels", 4), "`--channels` must be 3, 1 or those of the images, 3. Received: --channels=4"),
        (("--layer-decay", 2), "`--layer-decay` must be from 0 to 1"),
        (("--epochs", 0, "--head-epochs", 0), "`--epochs` must be positive without `--head-epochs`"),
        (("--rotation", 181), "`--rotation` must be from 0 to 180 degrees. Received: --rotation=181.0"),
        (("--zoom", 1), "`--zoom` must be at least 0 and less than 1. Received: --zoom=1.0"),
        (("--group", "(a"), "`--group` must be a regular expression. Received: --group='(a' (missing ), "),
        (("--group", "a", "--held-out", 0), "`--group` needs a positive `--held-out`: no image is held out."),
        (("--group", "a"), "`--group` needs a folder of images: images of an .npz file"),
        (("--out", "."), "`--out` must be a new or an empty folder"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(options, error, npz, tiny_zoo, tmp_path, monkeypatch):
    (tmp_path / "kept").touch()
    monkeypatch.chdir(tmp_path)
    common = ("--from", "tiny_cifar10", "--weights", tiny_zoo, "--size", 8, "--out", tmp_path / "run")
    assert error in call("fine-tune", npz, *common, *options, fails=True)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [
        (16, "Classes without training images are not learned: 'c'"),
        (16, "Steps per epoch: 1, of 29 images in batches of 16. The network may learn more with smaller batches."),
        (3, None),
    ],
)
def test_few_images_are_a_hint(batch_size, message, npz, tiny_zoo, tmp_path, caplog):
    with np.load(npz) as file:
        arrays = dict(file)
    if message:
        arrays["class_names"] = np.array([*map(str, arrays["class_names"]), "c"])
    np.savez(tmp_path / "few.npz", **arrays)
    settings = FineTuning("tiny_cifar10", batch_size=batch_size)
    prepare(settings, tmp_path / "few.npz", None, (8, 8), None, None, tiny_zoo)
    assert message in caplog.messages if message else not caplog.messages


def test_data_of_one_class_are_an_error(tiny_zoo, tmp_path):
    for split in ("train", "test"):
        (tmp_path / "data" / split / "cat").mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "data" / split / "cat" / "0.png")
    output = call("fine-tune", tmp_path / "data", "--from", "tiny_cifar10", "--out", tmp_path / "run", fails=True)
    assert "must have at least two classes" in output and not (tmp_path / "run").exists()


def test_what_is_no_network_is_one_line(run, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "black.png")

    def error_of(name, *options):
        return call("predict", tmp_path / "black.png", "--model", name, *options, fails=True)

    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    whole = (folder / "model.keras").read_bytes()
    (folder / "model.keras").write_bytes(whole[:-100])
    assert "SHA-256 of its card: it is damaged" in error_of(folder)
    (tmp_path / "cut.keras").write_bytes(whole[:-100])
    assert "A .keras file must be sound" in error_of(tmp_path / "cut.keras")
    (folder / "model.keras").unlink()
    assert "must hold its network, model.keras" in error_of(folder)
    (folder / "card.json").write_text('{"labels": ["a"]}')
    assert "must have labels, image_size" in error_of(folder)
    (folder / "card.json").write_text("{")
    assert "card.json must be JSON" in error_of(folder)
    (folder / "card.json").unlink()
    assert "folder of a complete run" in error_of(folder)
    assert "none.keras, which does not exist" in error_of("none.keras")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "dense.keras")
    assert "must take images of one size" in error_of(tmp_path / "dense.keras")
    output = call("evaluate", run.folder, "--weights", run.weights, "--data", run.npz, fails=True)
    assert "are for an entry of the zoo" in output


def weights_of(folder):
    return find_network(folder).load().get_weights()


def test_a_run_that_is_cut_twice_ends_as_one_that_is_not(run, tmp_path, monkeypatch):
    """After the head alone, and within the last epoch."""
    settings, arguments = FineTuning("tiny_cifar10", **SETTINGS), {"image_size": (8, 8), "channels": 1}
    for cut in ((1, 0), (2, 1)):
        monkeypatch.setattr(fine_tuning, "WallClockBudget", lambda *_, cut=cut: CutAt(*cut))
        assert fine_tune(settings, run.npz, tmp_path / "run", weights=run.weights, **arguments) is None
        with pytest.raises(ValueError, match="folder of a complete run"):
            find_network(tmp_path / "run")
    record = tmp_path / "run" / fine_tuning.SETTINGS
    older = json.loads(record.read_text())
    del older["group"]  # as a run recorded that began before there were groups
    record.write_text(json.dumps(older))
    with pytest.raises(
        ValueError, match=r"run of the same settings. .* whose settings differ in channels, learning_rate"
    ):
        other = FineTuning("tiny_cifar10", **SETTINGS, learning_rate=1.0)
        fine_tune(other, run.npz, tmp_path / "run", weights=run.weights, image_size=(8, 8))
    monkeypatch.undo()
    found = fine_tune(settings, run.npz, tmp_path / "run", weights=run.weights, **arguments)
    assert found.test == run.found.test and found.held_out == run.found.held_out
    assert {path.name for path in found.directory.iterdir()} == {path.name for path in run.folder.iterdir()}
    assert (found.directory / "log.csv").read_text() == (run.folder / "log.csv").read_text()
    for new, old in zip(weights_of(found.directory), weights_of(run.folder), strict=True):
        np.testing.assert_array_equal(new, old)
    with pytest.raises(ValueError, match="must be a new or an empty folder, or that of a run which is not complete"):
        fine_tune(settings, run.npz, tmp_path / "run", weights=run.weights, **arguments)


@pytest.mark.torch
def test_a_run_in_bfloat16_writes_a_network_in_float32(run, tmp_path, monkeypatch):
    seen = []

    def kept(model, *_):
        seen.append({layer.name: layer.compute_dtype for layer in model.layers})
        return two_phases.train_in_two_phases(model, *_)

    monkeypatch.setattr(fine_tuning, "train_in_two_phases", kept)
    start, labels = FineTuning(str(run.folder), **SETTINGS, precision="mixed_bfloat16"), find_network(run.folder).labels
    found = fine_tune(start, run.npz, tmp_path / "run", image_size=(8, 8), channels=1)
    assert {seen[0][name] for name in ("preprocessing", "classifier")} == {"float32"}
    assert {seen[0][name] for name in ("stem_conv", "stage2_block1_conv1", "stage3_output")} == {"bfloat16"}
    written = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert {layer.compute_dtype for layer in written._flatten_layers()} == {"float32"}
    assert all(layer.trainable for layer in written.layers)
    scores = written.predict(data.load(run.npz, channels=1).test.images, verbose=0)
    assert np.bincount(scores.argmax(1), minlength=len(labels)).tolist() == np.sum(found.test["confusion"], 0).tolist()
    assert json.loads((tmp_path / "run" / "report.json").read_text())["settings"]["precision"] == "mixed_bfloat16"


@pytest.mark.torch
def test_averaged_weights_are_evaluated_and_kept_and_a_cut_changes_nothing(run, tmp_path, monkeypatch):
    arguments = {"weights": run.weights, "image_size": (8, 8), "channels": 1}
    settings = FineTuning("tiny_cifar10", **SETTINGS, held_out=0.3, ema=0.8)
    fine_tune(settings, run.npz, tmp_path / "whole", **arguments)
    monkeypatch.setattr(fine_tuning, "WallClockBudget", lambda *_: CutAt(2, 1))
    assert fine_tune(settings, run.npz, tmp_path / "cut", **arguments) is None
    monkeypatch.undo()
    fine_tune(settings, run.npz, tmp_path / "cut", **arguments)
    for new, old in zip(weights_of(tmp_path / "cut"), weights_of(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(new, old)
    fine_tune(dataclasses.replace(settings, ema=None), run.npz, tmp_path / "plain", **arguments)
    logs = {name: (tmp_path / name / "log.csv").read_text() for name in ("cut", "whole", "plain")}
    assert logs["cut"] == logs["whole"]
    rows = {name: list(csv.DictReader(text.splitlines())) for name, text in logs.items()}
    best = json.loads((tmp_path / "whole" / "report.json").read_text())["best_epoch"]
    training_images, held_out = held_out_of(data.load(run.npz, channels=1).train, 0.3)
    scores = find_network(tmp_path / "whole").load().predict(held_out.images, verbose=0)
    weights = class_weights(training_images.labels, 2)[held_out.labels]
    loss = (-weights * np.log(scores[np.arange(len(scores)), held_out.labels])).mean()
    # The log's loss is that of the weights that are kept, which are not those that train.
    assert loss == pytest.approx(float(rows["whole"][best - 1]["val_loss"]), rel=1e-3)
    assert float(rows["plain"][best - 1]["val_loss"]) != pytest.approx(loss, rel=1e-3)


@pytest.mark.torch
@pytest.mark.parametrize("ema", [None, 0.5])
def test_a_run_without_held_out_images_that_is_cut_between_epochs_keeps_what_it_has_learned(
    ema, run, tmp_path, monkeypatch
):
    """After the head, and before the results."""
    arguments = {"weights": run.weights, "image_size": (8, 8), "channels": 1}
    settings = FineTuning("tiny_cifar10", **SETTINGS, held_out=0.0, ema=ema)
    fine_tune(settings, run.npz, tmp_path / "whole", **arguments)
    for cut in (1, 3):
        folder = tmp_path / f"cut_{cut}"
        with monkeypatch.context() as patch:
            patch.setattr(fine_tuning, "WallClockBudget", lambda *_, cut=cut: CutAt(cut))
            patch.setattr(fine_tuning, "_write_results", lambda *_: None)
            assert fine_tune(settings, run.npz, folder, **arguments) is None
        fine_tune(settings, run.npz, folder, **arguments)
        for new, old in zip(weights_of(folder), weights_of(tmp_path / "whole"), strict=True):
            np.testing.assert_array_equal(new, old)


class CutWithLosses(CutAt):
    """A cut, and losses on the held-out images that are given."""

    def __init__(self, epochs, losses):
        super().__init__(epochs)
        self.losses = losses

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.losses[epoch]
        super().on_epoch_end(epoch, logs)


@pytest.mark.parametrize(
    ("losses", "most", "patience", "epochs"),
    [
        ([1.0, 1.1, 0.9], 4, 1, 2),
        ([1.0, 1.1, 1.2, 1.3, 1.25], 5, 2, 3),
        ([1.0, 0.9, 0.8, 0.7], 3, 1, 3),
        ([1.0, 1.1], 4, 2, 2),
        ([None, None, None], 2, 1, 2),
        ([], 2, 1, 0),
    ],
)
def test_the_losses_tell_where_a_part_ended(losses, most, patience, epochs):
    assert best_epoch.epochs_of(losses, most, patience) == epochs


@pytest.mark.torch
def test_a_run_whose_head_stopped_early_goes_on_as_one_that_is_not_cut(run, tmp_path, monkeypatch):
    losses = [1.0, 1.1, 0.9, 0.8]
    settings = FineTuning("tiny_cifar10", batch_size=8, patience=1, head_epochs=4, epochs=2)
    whole, cut_run = tmp_path / "whole", tmp_path / "cut"
    for folder, end in ((whole, None), (cut_run, 3), (cut_run, None)):
        monkeypatch.setattr(fine_tuning, "WallClockBudget", lambda *_, end=end: CutWithLosses(end, losses))
        found = fine_tune(settings, run.npz, folder, weights=run.weights, image_size=(8, 8), channels=1)
        assert (found is None) == (end is not None)
    assert (cut_run / "log.csv").read_text() == (whole / "log.csv").read_text()
    assert len((whole / "log.csv").read_text().splitlines()) == 1 + len(losses)
    for new, old in zip(weights_of(cut_run), weights_of(whole), strict=True):
        np.testing.assert_array_equal(new, old)


def test_a_spent_budget_is_told_by_the_exit_code(npz, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(training, "fine_tune", lambda *_, minutes, **__: given.append(minutes))
    arguments = ["fine-tune", str(npz), "--from", "tiny_cifar10", "--minutes", "0.5", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 3 and given == [0.5]
    assert "The budget is spent. Run the same command again to go on from the beginning." in result.output
    monkeypatch.undo()
    assert "`--minutes` must be positive" in call(*arguments[:-3], -1, "--out", tmp_path / "run", fails=True)


@pytest.mark.usefixtures("heeded_ctrl_c")
def test_ctrl_c_stops_the_evaluation_after_the_training(run, tmp_path, monkeypatch):
    monkeypatch.setattr(fine_tuning, "train_in_two_phases", lambda *_: 1)
    monkeypatch.setattr(fine_tuning, "confusion_matrix", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    settings = FineTuning("tiny_cifar10", **SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(settings, run.npz, tmp_path / "run", weights=run.weights, image_size=(8, 8), channels=1)
    assert not (tmp_path / "run" / "card.json").exists()


def test_a_signal_is_told_by_the_exit_code_and_how_to_go_on(npz, tiny_zoo, tmp_path, monkeypatch):
    def stop(model, settings, training, held_out, directory, budget):
        (directory / "epoch_1.weights.h5").touch()
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(fine_tuning, "train_in_two_phases", stop)
    options = ["--weights", str(tiny_zoo), "--size", "8", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, ["fine-tune", str(npz), "--from", "tiny_cifar10", *options])
    assert result.exit_code == 128 + signal.SIGTERM
    assert "same command again to go on from" in " ".join(result.output.split())


def test_the_best_epoch_is_kept_and_patience_counts_from_the_phase(tmp_path):
    assert [best_epoch.best_of(losses) for losses in ([3, 1, 2, 1], [None, None], [], [float("nan"), 2])] == [
        2,
        2,
        0,
        2,
    ]
    assert [best_epoch.epochs_without_progress(losses) for losses in ([3, 1, 2, 1], [None] * 9, [], [2, 1])] == [
        2,
        0,
        0,
        0,
    ]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    (tmp_path / "log.csv").write_text("epoch,val_loss\n0,1.0\n1,0.5\n")
    callback = best_epoch.BestEpoch(tmp_path, patience=2, begin=2)
    callback.set_model(model)
    callback.on_train_begin()
    stops = []
    for epoch, loss in enumerate([0.9, 0.4, 0.8, 0.6], 2):
        model.set_weights([np.full((1, 1), epoch), np.zeros(1)])
        model.stop_training = False
        callback.on_epoch_end(epoch, {"val_loss": loss})
        stops.append(model.stop_training)
    assert stops == [False, False, False, True]
    best_epoch.load_best(model, tmp_path, 4)
    assert model.get_weights()[0] == 3
    (tmp_path / "best_epoch_4.npz").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"must hold the best weights of its run.*best_epoch_4.npz"):
        best_epoch.load_best(model, tmp_path, 4)


def test_a_run_that_another_process_completes_meanwhile_stays_as_it_is(run, tmp_path, monkeypatch):
    """The folder is complete when the images are loaded."""
    folder = tmp_path / "run"

    def slow(*arguments):
        images = prepare(*arguments)
        shutil.copytree(run.folder, folder)
        return images

    monkeypatch.setattr(fine_tuning, "prepare", slow)
    settings = FineTuning("tiny_cifar10", **SETTINGS)
    with pytest.raises(ValueError, match="`directory` must be a new or an empty folder"):
        fine_tune(settings, run.npz, folder, weights=run.weights, image_size=(8, 8), channels=1)
    assert (folder / "log.csv").read_bytes() == (run.folder / "log.csv").read_bytes()


@pytest.mark.torch
def test_a_folder_whose_log_or_best_weights_are_gone_is_an_error(run, tmp_path, monkeypatch):
    settings, arguments = FineTuning("tiny_cifar10", **SETTINGS), {"image_size": (8, 8), "channels": 1}
    monkeypatch.setattr(fine_tuning, "WallClockBudget", lambda *_: CutAt(2, 0))
    assert fine_tune(settings, run.npz, tmp_path / "run", weights=run.weights, **arguments) is None
    log = (tmp_path / "run" / "log.csv").read_text()
    for rows in (0, 2):
        (tmp_path / "run" / "log.csv").write_text("".join(log.splitlines(keepends=True)[:rows]))
        with pytest.raises(ValueError, match=r"must hold log\.csv with a row for each of the 2 epochs"):
            fine_tune(settings, run.npz, tmp_path / "run", weights=run.weights, **arguments)
    (tmp_path / "run" / "log.csv").write_text(log)
    for path in best_epoch.best_files(tmp_path / "run"):
        path.unlink()
    with pytest.raises(ValueError, match=r"must hold the best weights of its run\..* without best_epoch_"):
        fine_tune(settings, run.npz, tmp_path / "run", weights=run.weights, **arguments)


def test_a_run_goes_on_from_the_weights_that_it_began_with_only(run, tmp_path, monkeypatch):
    settings, arguments = FineTuning("tiny_cifar10", **SETTINGS), {"image_size": (8, 8), "channels": 1}
    monkeypatch.setattr(fine_tuning, "WallClockBudget", lambda *_: CutAt(1, 0))
    assert fine_tune(settings, run.npz, tmp_path / "run", weights=run.weights, **arguments) is None
    other = tmp_path / "other.weights.h5"
    zoo.save_weights(zoo.load("tiny_cifar10", weights=None), other)
    with pytest.raises(ValueError, match="whose settings differ in weights_of_entry"):
        fine_tune(settings, run.npz, tmp_path / "run", weights=other, **arguments)
    started = zoo.cards.describe(run.weights).sha256
    assert json.loads((run.folder / "report.json").read_text())["start"]["sha256"] == started
    assert json.loads((run.folder / "card.json").read_text())["from_sha256"] == started
    assert find_network(run.folder).sha256() == zoo.cards.describe(run.folder / "model.keras").sha256


def start(name, npz, **options):
    settings = FineTuning(str(name))
    arguments = {"data_dir": None, "image_size": None, "channels": None, "resize": None, "weights": "pretrained"}
    return starting_model(settings, prepare(settings, npz, **{**arguments, **options}))


@pytest.mark.torch
def test_a_fine_tuning_starts_from_a_run_a_file_of_keras_or_one_of_weights(run, tmp_path, caplog):
    model = find_network(run.folder).load()
    for size in ((8, 8), (12, 16)):
        same = start(run.folder, run.npz, image_size=size)
        assert same.input_shape == (None, *size, 1)
        for new, old in zip(same.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(new, old)
    shutil.copy(run.folder / "model.keras", tmp_path / "alone.keras")
    assert not [message for message in caplog.messages if "classifier" in message]
    alone = start(tmp_path / "alone.keras", run.npz)  # nothing tells its classes: the head is new
    assert "loaded all weights but the classifier's, which is new and has 2 classes." in caplog.text
    same = [np.array_equal(*pair) for pair in zip(alone.get_weights(), model.get_weights(), strict=True)]
    assert all(same[:-2]) and not same[-2]
    entry = zoo.load("tiny_cifar10", weights=run.weights)
    of_weights = start(run.weights, run.npz, image_size=(8, 8))
    assert of_weights.output_shape == (None, 2)
    np.testing.assert_array_equal(of_weights.get_weights()[0], entry.get_weights()[0])
    with np.load(run.npz) as file:
        three = dict(file)
    np.savez(tmp_path / "three.npz", **{**three, "y_train": np.arange(32) % 3, "class_names": ["a", "b", "c"]})
    assert start(run.folder, tmp_path / "three.npz").output_shape == (None, 3)
    assert "which is new and has 3 classes instead of 2." in caplog.text
    with pytest.raises(ValueError, match=r"`channels` must be those of the images that .* takes: 1"):
        start(run.folder, run.npz, channels=3)
    layers = [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    keras.Sequential(layers).save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=r"must be one of dia_keras.backbones, with its classifier"):
        start(tmp_path / "other.keras", run.npz)
    output = call("fine-tune", run.npz, "--from", tmp_path / "none.keras", "--out", tmp_path / "out", fails=True)
    assert "`--from` must be an entry" in output and not (tmp_path / "out").exists()


def test_a_network_normalized_otherwise_has_a_card_without_its_mean():
    layer = keras.layers.Normalization(mean=[120.0], variance=[900.0], name="preprocessing")
    assert fine_tuning._normalization(keras.Sequential([keras.Input((8, 8, 1)), layer])) == {}


def test_a_run_is_pushed_as_it_is(run, tmp_path):
    write_repository(run.folder, tmp_path / "repository", "hf://user/light")
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype("uint8")
    answers = find_network(run.folder).load().predict(images, verbose=0)
    model = zoo.load(tmp_path / "repository")
    np.testing.assert_allclose(model.predict(images, verbose=0), answers, atol=1e-6)
    for new, old in zip(model.get_weights(), weights_of(run.folder), strict=True):
        np.testing.assert_array_equal(new, old)
    assert zoo.decode_predictions(answers, str(tmp_path / "repository"))[0][0][0] in ("dark", "bright")
    network = find_network(tmp_path / "repository")
    assert (network.labels, network.channels, network.data) == (("dark", "bright"), 1, None)
    page = (tmp_path / "repository" / "README.md").read_text()
    assert f"| balanced accuracy | {100 * run.found.test['balanced_accuracy']:.2f} |" in page
    assert (
        str(run.npz.parent) not in page
        and "datasets:" not in page
        and "from tiny_cifar10" in page
        and "gray images of 8 x 8 pixels" in page
    )
    with pytest.raises(ValueError, match="`input_shape` must have 1 channels"):
        zoo.load(tmp_path / "repository", input_shape=(8, 8, 3))
    shutil.copy(run.folder / "model.keras", tmp_path / "model.keras")
    with pytest.raises(ValueError, match="whose architecture is known"):
        write_repository(tmp_path / "model.keras", tmp_path / "other")


def test_the_learning_rate_is_that_of_the_steepest_descent():
    rates = np.geomspace(1e-5, 1, 100)
    losses = 1 - 0.8 / (1 + np.exp(-3 * (np.log10(rates) + 2.5))) + 3 * np.maximum(0, np.log10(rates) + 1)
    assert rate_finder.steepest(rates, losses) == pytest.approx(10**-2.5, rel=0.15)
    np.testing.assert_allclose(rate_finder.smoothed(np.full(5, 2.0)), 2.0)
    with pytest.raises(RuntimeError, match="not finite after the training of the head"):
        rate_finder.steepest(rates[:0], losses[:0])
    with pytest.raises(RuntimeError, match="does not fall at any learning rate"):
        rate_finder.steepest(rates, np.linspace(1, 9, 100))
    rising = rate_finder.Rising(1e-4, 1.0, 5)
    np.testing.assert_allclose([float(rising(step)) for step in range(5)], [1e-4, 1e-3, 1e-2, 1e-1, 1], rtol=1e-5)


def test_losses_of_single_steps_are_recorded_until_they_explode():
    recorder = rate_finder._Losses()
    recorder.set_model(keras.Sequential())
    recorder.model.stop_training = False
    recorder.on_train_begin()
    losses = [2.0] * 12 + [50.0] * 2
    for step in range(len(losses)):
        assert not recorder.model.stop_training
        recorder.on_train_batch_end(step, {"loss": np.mean(losses[: step + 1])})
    np.testing.assert_allclose(recorder.losses, losses)
    assert recorder.model.stop_training


@pytest.mark.torch
def test_the_command_finds_a_learning_rate_and_draws_how(npz, tiny_zoo, tmp_path, monkeypatch):
    monkeypatch.setattr(rate_finder, "steepest", lambda rates, losses: len(losses) / 1000)
    find = training.find_learning_rate
    monkeypatch.setattr(training, "find_learning_rate", lambda *args, **given: find(*args, **given, steps=20))
    options = ("--weights", tiny_zoo, "--size", 8, "--head-epochs", 1, "--batch-size", 8)
    common = ("fine-tune", npz, "--from", "tiny_cifar10", *options, "--find-learning-rate")
    assert "--learning-rate 0.02. Wrote" in call(*common, tmp_path / "rates.png")
    with Image.open(tmp_path / "rates.png") as drawn:
        assert drawn.size[0] > 100
    assert [path.name for path in tmp_path.iterdir()] == ["rates.png"]
    assert "Wrote" in call(*common, tmp_path / "rates.png")  # its own picture, once more
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    assert "must be new, or one that the same option wrote" in call(*common, tmp_path / "photo.png", fails=True)
    assert "must end in .png" in call(*common, tmp_path / "rates.jpg", fails=True)
    assert "it takes no `--out`" in call(*common, tmp_path / "r.png", "--out", tmp_path / "run", fails=True)
    assert "`--freeze` must be at most 3" in call(*common, tmp_path / "r.png", "--freeze", 4, fails=True)
