"""Tests of `dia-keras train`: exit codes, and errors in one line. The trainings themselves are tested elsewhere."""

import pathlib

import pytest
from click.testing import CliRunner

from dia_keras import training
from dia_keras.cli import main
from dia_keras.training.runs.interruption import Interrupted

RECIPE = str(pathlib.Path(__file__).parents[2] / "zoo" / "recipes" / "one_cycle_cpu.py")


@pytest.mark.parametrize(
    ("result", "code", "text"),
    [
        (pathlib.Path("final.weights.h5"), 0, "Training is complete: final.weights.h5"),
        (None, 3, "The budget is spent. Run the same command again to go on from the beginning."),
        (Interrupted("Stopped. Run the same command again", 15), 143, "Stopped. Run the same command again"),
        (Interrupted("Stopped. Run the same command again", 2), 130, "Stopped. Run the same command again"),
        (KeyboardInterrupt(), 130, ""),  # a second Ctrl-C, which stops at once
        (ValueError("`minutes` must be positive"), 1, "Error: `--minutes` must be positive"),
    ],
)
def test_exit_codes_tell_complete_from_budget_spent_and_stopped(result, code, text, tmp_path, monkeypatch):
    def train(recipe, directory, **options):
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(training, "train", train)
    found = CliRunner().invoke(main, ["train", RECIPE, "--out", str(tmp_path)])
    assert (found.exit_code, found.output.strip().startswith(text)) == (code, True), found.output


@pytest.mark.parametrize("minutes", ["nan", "0", "-1", "inf"])
def test_minutes_that_are_none_are_refused_before_anything_is_read(minutes, tmp_path):
    found = CliRunner().invoke(main, ["train", RECIPE, "--minutes", minutes, "--data", "none", "--out", str(tmp_path)])
    assert found.exit_code == 1 and "`--minutes` must be positive and finite" in found.output


@pytest.mark.parametrize(
    ("recipe", "error"),
    [("RECIPE = (", "SyntaxError"), ("from dia_keras.training import *; Recipe('x', 1, lr=1)", "lr")],
)
def test_a_recipe_that_fails_is_one_line(recipe, error, tmp_path):
    path = tmp_path / "recipe.py"
    path.write_text(recipe)
    found = CliRunner().invoke(main, ["train", str(path)])
    assert found.exit_code == 1 and "Traceback" not in found.output
    assert error in found.output and str(path) in found.output and len(found.output.splitlines()) == 1


def test_a_recipe_with_from_starts_from_weights(tmp_path, monkeypatch):
    given = []

    def train(recipe, directory, **options):
        given.append((recipe.entry, recipe.initial_weights))
        return pathlib.Path("final.weights.h5")

    monkeypatch.setattr(training, "train", train)
    command = ["train", RECIPE, "--entry", "dia_resnet20_cifar10", "--out", str(tmp_path)]
    for options in (["--from", "dia_resnet20_cifar100"], []):
        found = CliRunner().invoke(main, [*command, *options])
        assert found.exit_code == 0, found.output
    assert given == [("dia_resnet20_cifar10", "dia_resnet20_cifar100"), ("dia_resnet20_cifar10", None)]
    found = CliRunner().invoke(main, [*command, "--freeze", "1"])
    assert found.exit_code == 2 and "`--freeze` is for `--from` without a RECIPE" in found.output
