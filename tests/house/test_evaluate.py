"""`zoo/tools/evaluate.py` measures a run and puts it in place, or leaves everything as it was."""

import dataclasses
import json
import shutil

import pytest
from click.testing import CliRunner

from dia_keras import zoo
from dia_keras.training import Recipe

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


def test_missing_data_leave_the_card_as_it_was(house, run_folder, tmp_path):
    result = call(house, NAME, "--run", run_folder, "--data", tmp_path / "none.npz")
    assert result.exit_code == 1 and "does not exist" in result.output
    assert zoo.card(NAME).weights is None and not (tmp_path / "weights").exists()
