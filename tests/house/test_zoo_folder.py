"""The files with which the zoo is made agree with its cards."""

import hashlib
import json
import math
import pathlib
import re
import tomllib

import pytest

from dia_keras import zoo

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "zoo"
WANTED = tomllib.loads((FOLDER / "queue.toml").read_text())["wanted"]
TRAINED = zoo.list_models(pretrained=True)


@pytest.mark.parametrize("row", WANTED, ids=lambda row: row["entry"])
def test_queue_holds_entries_that_have_not_reached_their_aim_and_recipes_that_exist(row):
    card = zoo.card(row["entry"])
    assert card.metrics is None or card.metrics.top1 < row["aim"]
    assert row["ship"] <= row["aim"] <= 100
    assert (FOLDER / "recipes" / f"{row['recipe']}.py").is_file()


@pytest.mark.parametrize("name", zoo.list_models())
def test_every_card_names_a_recipe_that_exists(name):
    assert (FOLDER / "recipes" / f"{zoo.card(name).recipe}.py").is_file()


@pytest.mark.parametrize("name", TRAINED)
def test_figures_on_a_card_are_those_that_the_evaluation_of_its_weights_wrote(name):
    card = zoo.card(name)
    results = json.loads((FOLDER / "records" / "results" / f"{name}.json").read_text())
    assert results["weights_sha256"] == card.weights.sha256
    assert results["images"] == 10_000
    assert (card.metrics.top1, card.metrics.top5) == (round(100 * results["top1"], 2), round(100 * results["top5"], 2))


@pytest.mark.parametrize("name", TRAINED)
def test_the_log_on_a_card_has_every_epoch(name):
    card = zoo.card(name)
    log = FOLDER.parent / card.metrics.log
    assert len(log.read_text().splitlines()) == 1 + card.metrics.epochs
    assert json.loads((log.parent / "recipe.json").read_text())["seed"] == card.metrics.seed


@pytest.mark.parametrize("name", TRAINED)
def test_exports_on_record_are_of_the_weights_on_the_card(name):
    path = FOLDER / "records" / "exports" / f"{name}.json"
    if not path.exists():
        assert f"`{name}` has not been exported with its weights" in (ROOT / "ROADMAP.md").read_text()
        return
    record = json.loads(path.read_text())
    (measured,) = {row["model_top1"] for row in record["exports"]}
    top1, images = zoo.card(name).metrics.top1 / 100, record.get("test_images", 10_000)
    # Of a part of the test images, four standard errors are as near as can be.
    assert abs(measured - top1) < (1e-6 if images == 10_000 else 4 * math.sqrt(top1 * (1 - top1) / images))


def test_teachers_in_a_record_are_known_by_the_weights_that_taught():
    """Files are there. An entry has those weights, or had them before a training that started from them."""
    records = list((FOLDER / "records").rglob("teachers.json"))
    assert len(records) == 5
    for record in records:
        teachers = json.loads(record.read_text())
        assert list(teachers) == json.loads((record.parent / "recipe.json").read_text())["teachers"]
        assert all(name in json.loads((record.parent / "run.json").read_text())["command"] for name in teachers)
        for name, sha256 in teachers.items():
            if name in TRAINED:
                starts = (FOLDER / "records" / "logs" / name).rglob("initial_weights.json")
                before = [json.loads(start.read_text()).get(name) for start in starts]
                assert sha256 in [zoo.card(name).weights.sha256, *before]
            else:
                assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == sha256


def test_no_weights_are_kept_twice():
    files = [*FOLDER.rglob("*.weights.h5"), *(ROOT / "dia_keras").rglob("*.weights.h5")]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert len(set(hashes)) == len(files) > len(TRAINED)


def test_no_file_names_a_path_of_the_machine_that_wrote_it():
    folders = [FOLDER, ROOT / "dia_keras", ROOT / "benchmarks"]
    texts = [
        path for folder in folders for path in folder.rglob("*.*") if path.suffix in (".json", ".csv", ".md", ".toml")
    ]
    assert len(texts) > 50
    assert [path for path in texts if re.search(r"(?<![\w.~])/(work|root|home|tmp)/", path.read_text())] == []
