"""`zoo/tools/evaluate.py` measures a run and puts it in place, or leaves everything as it was."""

import dataclasses
import functools
import json
import shutil

import keras
import pytest
from click.testing import CliRunner

from dia_keras import zoo
from dia_keras.training import Recipe
from dia_keras.zoo.cards import describe

pytestmark = pytest.mark.torch

NAME = "se_resnet20_cifar10"


@pytest.fixture
def house(load_script, tmp_path, monkeypatch):
    """The script with the cards and its own folders in a temporary place."""
    script = load_script("evaluate")
    shutil.copytree(zoo.cards.CARDS, tmp_path / "cards")
    (tmp_path / "zoo").mkdir()
    monkeypatch.setattr(zoo.cards, "CARDS", tmp_path / "cards")
    monkeypatch.setattr(script, "RECORDS", tmp_path / "zoo")
    monkeypatch.setattr(script, "PACKAGED", tmp_path / "weights")
    return script


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    zoo.save_weights(zoo.load(NAME, weights=None), folder / "final.weights.h5")
    (folder / "recipe.json").write_text(json.dumps(dataclasses.asdict(Recipe(NAME, 1))))
    command = "python zoo/train.py zoo/recipes/paper_wrn.py --entry x"
    (folder / "run.json").write_text(json.dumps({"device": "here", "command": command, "minutes": 1.5}))
    (folder / "log.csv").write_text("epoch,loss\n0,1\n")
    (folder / "curves.png").write_bytes(b"picture")
    return folder


def call(script, *arguments):
    return CliRunner().invoke(script.main, [str(argument) for argument in arguments])


def test_a_measured_run_is_put_in_place(house, run_folder, npz, tmp_path):
    result = call(house, NAME, "--run", run_folder, "--data", npz)
    assert result.exit_code == 0, result.output
    card = zoo.card(NAME)
    assert (tmp_path / "weights" / card.weights.file).stat().st_size == card.weights.size
    results = json.loads((tmp_path / "zoo" / "results" / f"{NAME}.json").read_text())
    assert results["weights_sha256"] == card.weights.sha256 and results["images"] == 20
    assert card.metrics.top1 == round(100 * results["top1"], 2) and card.metrics.details["minutes"] == 1.5
    assert card.recipe == "paper_wrn"
    assert (tmp_path / "zoo" / "logs" / NAME / "log.csv").is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entry": "resnet20_cifar10"}, "must be a run of"),
        ({"images": 24}, "must have trained on all images"),
        ({"held_out": 5000}, "must have trained on all images"),
    ],
)
def test_a_run_of_something_else_is_refused_and_nothing_changes(house, run_folder, npz, tmp_path, changes, message):
    recipe = {**json.loads((run_folder / "recipe.json").read_text()), **changes}
    (run_folder / "recipe.json").write_text(json.dumps(recipe))
    result = call(house, NAME, "--run", run_folder, "--data", npz)
    assert result.exit_code == 1 and message in result.output
    assert zoo.card(NAME).weights is None and not (tmp_path / "weights").exists()


def started_again(run_folder, sha256, seed):
    """Makes a run of the weights of another seed, which started from those that the entry had."""
    keras.utils.set_random_seed(seed)
    zoo.save_weights(zoo.load(NAME, weights=None), run_folder / "final.weights.h5")
    (run_folder / "recipe.json").write_text(json.dumps(dataclasses.asdict(Recipe(NAME, 3, initial_weights=NAME))))
    (run_folder / "initial_weights.json").write_text(json.dumps({NAME: sha256}))
    (run_folder / "log.csv").write_text(f"epoch,loss\n0,{seed}\n")


def test_the_card_and_the_logs_tell_what_a_run_started_from(house, run_folder, npz, tmp_path):
    ship = functools.partial(call, house, NAME, "--run", run_folder, "--data", npz)
    logs = tmp_path / "zoo" / "logs" / NAME
    (run_folder / "teachers.json").write_text("{}")
    assert ship().exit_code == 0
    assert (logs / "teachers.json").exists() and "epochs_before" not in zoo.card(NAME).metrics.details
    (run_folder / "teachers.json").unlink()
    for seed, before in ((4, 1), (5, 4)):
        started_again(run_folder, zoo.card(NAME).weights.sha256, seed)
        for _ in range(2):  # the second call finds the run in place
            result = ship()
            assert result.exit_code == 0, result.output
            metrics = zoo.card(NAME).metrics
            assert (metrics.epochs, metrics.details["started_from"]) == (3, NAME)
            assert metrics.details["epochs_before"] == before
    assert (logs / "log.csv").read_text() == "epoch,loss\n0,5\n"
    assert (logs / "start" / "log.csv").read_text() == "epoch,loss\n0,4\n"
    assert (logs / "start" / "start" / "log.csv").read_text() == "epoch,loss\n0,1\n"
    found = sorted(str(path.relative_to(logs)) for path in logs.rglob("teachers.json"))
    assert found == ["start/start/teachers.json"]


def test_a_call_that_was_cut_is_made_again(house, run_folder, npz, tmp_path, monkeypatch):
    ship = functools.partial(call, house, NAME, "--run", run_folder, "--data", npz)
    assert ship().exit_code == 0
    started_again(run_folder, zoo.card(NAME).weights.sha256, 4)
    with monkeypatch.context() as patch:
        patch.setattr(house, "update_card", lambda *_, **__: 1 / 0)
        assert isinstance(ship().exception, ZeroDivisionError)
    assert ship().exit_code == 0
    logs = tmp_path / "zoo" / "logs" / NAME
    assert (logs / "log.csv").read_text() == "epoch,loss\n0,4\n"
    assert (logs / "start" / "log.csv").read_text() == "epoch,loss\n0,1\n"
    assert not (logs / "start" / "start").exists() and zoo.card(NAME).metrics.epochs == 3


def test_a_run_from_a_file_counts_all_epochs_before_it(house, run_folder, npz, tmp_path):
    assert call(house, NAME, "--run", run_folder, "--data", npz).exit_code == 0
    first = run_folder.rename(tmp_path / "first")
    started_again(first, zoo.card(NAME).weights.sha256, 4)
    start = first / "final.weights.h5"
    second = shutil.copytree(first, tmp_path / "second")
    started_again(second, "", 5)
    recipe = Recipe(NAME, 2, initial_weights=str(start))
    (second / "recipe.json").write_text(json.dumps(dataclasses.asdict(recipe)))
    (second / "initial_weights.json").write_text(json.dumps({str(start): "0" * 64}))
    result = call(house, NAME, "--run", second, "--data", npz)
    assert result.exit_code == 1 and "must have started from the weights that" in result.output
    (second / "initial_weights.json").write_text(json.dumps({str(start): describe(start).sha256}))
    result = call(house, NAME, "--run", second, "--data", npz)
    assert result.exit_code == 0, result.output
    assert zoo.card(NAME).metrics.details["epochs_before"] == 3 + 1


def test_a_run_from_a_snapshot_counts_the_epochs_in_its_log(house, run_folder, npz, tmp_path):
    assert call(house, NAME, "--run", run_folder, "--data", npz).exit_code == 0
    first = shutil.copytree(run_folder, tmp_path / "first")
    started_again(first, zoo.card(NAME).weights.sha256, 4)  # of 3 epochs, the log has one
    start = (first / "final.weights.h5").rename(first / "snapshot.weights.h5")
    started_again(run_folder, "", 5)
    recipe = Recipe(NAME, 2, initial_weights=str(start))
    (run_folder / "recipe.json").write_text(json.dumps(dataclasses.asdict(recipe)))
    (run_folder / "initial_weights.json").write_text(json.dumps({str(start): describe(start).sha256}))
    result = call(house, NAME, "--run", run_folder, "--data", npz)
    assert result.exit_code == 0, result.output
    assert zoo.card(NAME).metrics.details["epochs_before"] == 1 + 1


def test_an_entry_that_is_trained_again_has_no_log_of_a_start(house, run_folder, npz, tmp_path):
    assert call(house, NAME, "--run", run_folder, "--data", npz).exit_code == 0
    started_again(run_folder, zoo.card(NAME).weights.sha256, 4)
    assert call(house, NAME, "--run", run_folder, "--data", npz).exit_code == 0
    logs = tmp_path / "zoo" / "logs" / NAME
    assert (logs / "start").is_dir()
    started_again(run_folder, "", 5)
    (run_folder / "initial_weights.json").unlink()
    (run_folder / "recipe.json").write_text(json.dumps(dataclasses.asdict(Recipe(NAME, 2))))
    assert call(house, NAME, "--run", run_folder, "--data", npz).exit_code == 0
    assert sorted(path.name for path in logs.iterdir()) == ["curves.png", "log.csv", "recipe.json", "run.json"]


@pytest.mark.parametrize(
    ("command", "recipe"),
    [
        ("dia-keras train progressive_cpu.py --out x", "progressive_cpu"),
        ("python train.py recipes/paper_wrn.py", "paper_wrn"),
    ],
)
def test_the_recipe_is_found_in_the_command(house, command, recipe):
    assert house.recipe_of(command) == recipe


def test_a_run_of_a_recipe_that_is_not_here_is_refused(house, run_folder, npz, tmp_path):
    command = json.dumps({"device": "here", "command": "dia-keras train mine.py", "minutes": 1})
    (run_folder / "run.json").write_text(command)
    result = call(house, NAME, "--run", run_folder, "--data", npz)
    assert result.exit_code == 1 and "must have trained by a recipe in zoo/recipes" in result.output
    assert zoo.card(NAME).weights is None and not (tmp_path / "weights").exists()


def test_a_run_that_started_from_other_weights_than_the_entry_has_is_refused(house, run_folder, npz, tmp_path):
    assert call(house, NAME, "--run", run_folder, "--data", npz).exit_code == 0
    card = zoo.card(NAME)
    started_again(run_folder, "0" * 64, 4)
    result = call(house, NAME, "--run", run_folder, "--data", npz)
    assert result.exit_code == 1 and "must have started from the weights that" in result.output
    assert zoo.card(NAME) == card and not (tmp_path / "zoo" / "logs" / NAME / "start").exists()
    assert describe(tmp_path / "weights" / card.weights.file).sha256 == card.weights.sha256


def test_missing_data_leave_the_card_as_it_was(house, run_folder, tmp_path):
    result = call(house, NAME, "--run", run_folder, "--data", tmp_path / "none.npz")
    assert result.exit_code == 1 and "does not exist" in result.output
    assert zoo.card(NAME).weights is None and not (tmp_path / "weights").exists()
