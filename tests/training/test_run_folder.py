"""Tests of a run's folder: its lock, its records, and what a failed start leaves."""

import json

import numpy as np
import pytest

from dia_keras.data import Split
from dia_keras.training import Recipe
from dia_keras.training.runs.run_folder import check_same_data, check_same_recipe, locked_folder

RNG = np.random.default_rng(0)
TRAIN = Split(RNG.integers(0, 256, (8, 4, 4, 3), np.uint8), np.arange(8) % 2)


def test_a_second_trainer_is_refused_and_a_third_after_the_first_is_not(tmp_path):
    pytest.importorskip("fcntl")
    with (
        locked_folder(tmp_path / "run"),
        pytest.raises(ValueError, match=r"another process trains there.*run"),
        locked_folder(tmp_path / "run"),
    ):
        pass
    with locked_folder(tmp_path / "run"):
        pass


def test_an_error_before_the_first_checkpoint_leaves_the_folder_as_it_was(tmp_path):
    def fail(folder):
        with pytest.raises(RuntimeError), locked_folder(folder):
            check_same_recipe(Recipe("x", 1), folder / "recipe.json")
            check_same_data(TRAIN, folder / "data.json")
            raise RuntimeError

    fail(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    fail(tmp_path / "new" / "within" / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "notes.txt").touch()
    fail(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "epoch_1.weights.h5").touch()
    fail(tmp_path)
    assert (tmp_path / "recipe.json").exists() and (tmp_path / "data.json").exists()


@pytest.mark.parametrize("name", ["final.weights.h5", "card.json", "log.csv", "curves.png", "metrics.json"])
def test_files_that_no_run_wrote_are_not_replaced(name, tmp_path):
    (tmp_path / name).write_text("mine")
    message = rf"must be new or hold a run\..* holds {name}, but no recipe\.json"
    with pytest.raises(ValueError, match=message), locked_folder(tmp_path):
        check_same_recipe(Recipe("x", 1), tmp_path / "recipe.json")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_an_interrupted_start_keeps_its_recipe(tmp_path):
    with pytest.raises(KeyboardInterrupt), locked_folder(tmp_path):
        check_same_recipe(Recipe("x", 1), tmp_path / "recipe.json")
        raise KeyboardInterrupt
    assert (tmp_path / "recipe.json").exists()


@pytest.mark.parametrize(
    "other",
    [
        Split(TRAIN.images[:4], TRAIN.labels[:4]),
        Split(TRAIN.images[::-1], TRAIN.labels),
        Split(TRAIN.images, TRAIN.labels[::-1]),
        Split(TRAIN.images.reshape(8, 2, 8, 3), TRAIN.labels),
    ],
    ids=["half", "images", "labels", "shape"],
)
def test_other_data_are_refused(other, tmp_path):
    record = tmp_path / "data.json"
    check_same_data(TRAIN, record)
    check_same_data(Split(TRAIN.images.copy(), TRAIN.labels), record)
    with pytest.raises(ValueError, match=rf"`source` must hold .* {len(other.labels)} images that are not the 8 of"):
        check_same_data(other, record)


def test_a_run_without_a_record_of_its_data_gets_one(tmp_path, capsys):
    (tmp_path / "epoch_1.weights.h5").touch()
    check_same_data(TRAIN, tmp_path / "data.json")
    assert "No hash of the training data" in capsys.readouterr().out
    assert json.loads((tmp_path / "data.json").read_text())["images"] == 8


@pytest.mark.parametrize("content", ["{", "[]", '"x"', '{"entry": "x", "epochs": 1, "lr": 2}'])
def test_a_record_that_cannot_be_read_is_an_error_that_names_it(content, tmp_path):
    (tmp_path / "recipe.json").write_text(content)
    with pytest.raises(ValueError, match=r"recipe.json( \(|, a (list|str)$)"):
        check_same_recipe(Recipe("x", 1), tmp_path / "recipe.json")


def test_a_record_of_data_that_is_a_list_is_an_error_that_names_it(tmp_path):
    (tmp_path / "data.json").write_text("[]")
    with pytest.raises(ValueError, match=r"data\.json, a list"):
        check_same_data(TRAIN, tmp_path / "data.json")
