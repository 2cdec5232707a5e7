"""Trainings that several tables have are done once, where a run may take over the results of another's."""

import dataclasses
import json

import numpy as np
import pytest

from dia_keras.reproduction import Scale, read_table, reproduce, write_report
from dia_keras.reproduction.data_sets import Sources
from dia_keras.reproduction.trainings import classifier
from dia_keras.reproduction.trainings.training import Trained

SCALE = Scale(seeds=1, networks={"ResNet164": "ResNet14-basic"}, image_size=8, is_smoke=True)
NAME = "resnet164_cifar100"


def run(table, directory, sources, *rows, scale=SCALE, **options):
    """Trains rows of a table, and returns the only result."""
    rows = [f"{NAME}_{row}" for row in rows]
    reproduce(read_table(table), directory, scale=scale, sources=sources, rows=rows, **options)
    (path,) = (directory / "results").iterdir()
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory, sources):
    """Folder of a run of Table 13, with the network that has attention in all stages; kept."""
    folder = tmp_path_factory.mktemp("table13")
    run("table13", folder, sources, "no_stage", keep_weights=True)
    return folder


@pytest.fixture
def trained(monkeypatch):
    """Trainings that take no time. Gives the list of their rows."""
    done = []

    def train(training, data, directory, record, options):
        done.append(training.recipe.entry)
        result = {"training": training.record(), "parameters": 0, "data": record, "measures": {"top1": 1.0}, "log": []}
        return Trained({**result, "exploded": None, "run": {"device": "a device"}}, None)

    monkeypatch.setattr(classifier.ClassifierTraining, "train", train)
    return done


@pytest.mark.parametrize(("table", "row"), [("table12", "sigmoid_1_cell"), ("table4", "dia-lstm")])
def test_a_result_of_another_table_is_that_of_the_training(table, row, whole, sources, tmp_path):
    """The other table may name the defaults, or not."""
    said = []
    taken = run(table, tmp_path / "taken", sources, row, reuse=[whole], say=said.append)
    assert said[-1] == f"The result is that of Table 13, {NAME}_no_stage-0.json."
    assert not list((tmp_path / "taken" / "claims").iterdir())
    own = run(table, tmp_path / "own", sources, row)
    for part in ("training", "parameters", "data", "measures", "exploded"):
        assert taken[part] == own[part]
    assert [epoch["loss"] for epoch in taken["log"]] == [epoch["loss"] for epoch in own["log"]]
    page = write_report(read_table(table), tmp_path / "taken", SCALE).read_text()
    assert "\nTrainings that are taken over: 1 of Table 13. So the tables are not independent.\n" in page
    assert "taken over" not in write_report(read_table(table), tmp_path / "own", SCALE).read_text()


def test_a_result_that_was_taken_over_has_its_first_source(whole, trained, sources, tmp_path):
    run("table12", tmp_path / "12", sources, "sigmoid_1_cell", reuse=[whole])
    again = run("table10", tmp_path / "10", sources, "r=4", reuse=[tmp_path])  # the folder of the run's folder
    assert again["reused_from"] == {"table": "Table 13", "file": f"{NAME}_no_stage-0.json"} and not trained


@pytest.mark.parametrize(("table", "row"), [("table12", "tanh_1_cell"), ("table10", "r=8"), ("table13", "stage_3")])
def test_another_network_is_trained(table, row, whole, trained, sources, tmp_path):
    """Tanh has as many parameters as sigmoid."""
    assert "reused_from" not in run(table, tmp_path, sources, row, reuse=[whole])
    assert trained == [f"{NAME}_{row}"]


@pytest.mark.parametrize("change", [{"recipe": {"pad": 0}}, {"image_size": 4}])
def test_another_recipe_and_other_data_are_trained(change, whole, trained, sources, tmp_path):
    scale = dataclasses.replace(SCALE, **change)
    run("table10", tmp_path, sources, "r=4", scale=scale, reuse=[whole])
    assert trained == [f"{NAME}_r=4"]


def test_other_images_under_the_same_name_are_trained(whole, trained, sources, tmp_path):
    with np.load(sources.paths[""]) as arrays:
        np.savez(tmp_path / "other.npz", **{**arrays, "x_test": arrays["x_test"][::-1]})
    run("table10", tmp_path / "run", Sources({"": str(tmp_path / "other.npz")}), "r=4", reuse=[whole])
    assert trained == [f"{NAME}_r=4"]


def test_the_seeds_that_the_other_run_does_not_have_are_trained(whole, trained, sources, tmp_path):
    two = dataclasses.replace(SCALE, seeds=2)
    rows = [f"{NAME}_r=4"]
    assert reproduce(read_table("table10"), tmp_path, scale=two, sources=sources, rows=rows, reuse=[whole]) == (2, 2, 0)
    results = [json.loads((tmp_path / "results" / f"{NAME}_r=4-{seed}.json").read_text()) for seed in (0, 1)]
    assert trained == rows and ["reused_from" in result for result in results] == [True, False]


def test_a_network_that_is_to_be_kept_comes_along_or_is_trained(whole, trained, sources, tmp_path):
    run("table10", tmp_path / "10", sources, "r=4", reuse=[whole], keep_weights=True)
    copied, original = (tmp_path / "10" / "networks" / f"{NAME}_r=4-0.keras", next((whole / "networks").iterdir()))
    assert copied.read_bytes() == original.read_bytes() and not trained
    copied.unlink()
    run("table12", tmp_path / "12", sources, "sigmoid_1_cell", reuse=[tmp_path / "10"], keep_weights=True)
    assert trained == [f"{NAME}_sigmoid_1_cell"]


def test_curves_are_not_taken_from_a_log_without_them(trained, sources, tmp_path):
    """Figure 10's network with skip connections is Table 4's."""
    run("table4", tmp_path / "4", sources, "org")
    run("figure10", tmp_path / "figure", sources, "org", reuse=[tmp_path / "4"])
    assert trained == [f"{NAME}_org"] * 2


def test_a_folder_without_a_run_is_refused(trained, sources, tmp_path):
    with pytest.raises(ValueError, match=r"`reuse` must be folders of runs, or of such folders. Received: .*none'"):
        run("table10", tmp_path / "run", sources, "r=4", reuse=[tmp_path / "none"])
    assert not (tmp_path / "run").exists()
