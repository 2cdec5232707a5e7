"""The files with which the zoo is made agree with its cards."""

import json
import pathlib
import tomllib

import pytest

from dia_keras import zoo

FOLDER = pathlib.Path(__file__).parents[2] / "zoo"
WANTED = tomllib.loads((FOLDER / "queue.toml").read_text())["wanted"]
TRAINED = zoo.list_models(pretrained=True)


@pytest.mark.parametrize("row", WANTED, ids=lambda row: row["entry"])
def test_queue_holds_entries_without_weights_and_recipes_that_exist(row):
    card = zoo.card(row["entry"])
    assert card.weights is None
    assert card.recipe == row["recipe"]


@pytest.mark.parametrize("name", zoo.list_models())
def test_every_card_names_a_recipe_that_exists(name):
    assert (FOLDER / "recipes" / f"{zoo.card(name).recipe}.py").is_file()


@pytest.mark.parametrize("name", TRAINED)
def test_figures_on_a_card_are_those_that_the_evaluation_of_its_weights_wrote(name):
    card = zoo.card(name)
    results = json.loads((FOLDER / "results" / f"{name}.json").read_text())
    assert results["weights_sha256"] == card.weights.sha256
    assert results["images"] == 10_000
    assert (card.metrics.top1, card.metrics.top5) == (round(100 * results["top1"], 2), round(100 * results["top5"], 2))


@pytest.mark.parametrize("name", TRAINED)
def test_the_log_on_a_card_has_every_epoch(name):
    card = zoo.card(name)
    log = FOLDER.parent / card.metrics.log
    assert len(log.read_text().splitlines()) == 1 + card.metrics.epochs
    assert json.loads((log.parent / "recipe.json").read_text())["seed"] == card.metrics.seed
