"""What a campaign put out is checked, measured here, and shipped where it may."""

import dataclasses
import json
import pathlib
import zipfile

import file_parts
import pytest
from click.testing import CliRunner

from dia_keras import zoo
from dia_keras.training import Recipe
from dia_keras.training.evaluation import evaluate_entry

pytestmark = pytest.mark.torch

NAME = "se_resnet20_cifar10"


@pytest.fixture
def collect(load_script, npz, tmp_path, monkeypatch):
    """Function that collects an output folder with a row's `ship` accuracy; returns exit code, output and ships."""
    (tmp_path / "data").mkdir()
    npz.rename(tmp_path / "data" / "cifar10.npz")
    script, shipped = load_script("collect"), []
    monkeypatch.setattr(script, "ship", lambda name, run, result: shipped.append((name, run, result.top1)))

    def collect(out, ship_at=0.0, *more):
        queue = tmp_path / "queue.toml"
        queue.write_text(f'[[wanted]]\nentry = "{NAME}"\nship = {ship_at}\n')
        options = [out, "--data", tmp_path / "data", "--to", tmp_path / "runs", "--queue", queue, *more]
        result = CliRunner().invoke(script.main, [str(option) for option in options])
        return result.exit_code, result.output, shipped

    return collect


@pytest.fixture
def put_out(tmp_path):
    """Function that puts out a run of random weights, with changes to its result and its recipe."""

    def put_out(result=None, recipe=None):
        run, out = tmp_path / "run", tmp_path / "out"
        run.mkdir()
        out.mkdir()
        zoo.save_weights(zoo.load(NAME, weights=None), run / "final.weights.h5")
        found = evaluate_entry(NAME, run / "final.weights.h5", tmp_path / "data" / "cifar10.npz")
        whole = {**dataclasses.asdict(found), "run": {"device": "a GPU"}, **(result or {})}
        (run / "result.json").write_text(json.dumps(whole))
        (run / "recipe.json").write_text(json.dumps(dataclasses.asdict(Recipe(NAME, 1, **(recipe or {})))))
        with zipfile.ZipFile(tmp_path / f"{NAME}.zip", "w") as file:
            for path in run.iterdir():
                file.write(path, path.name)
        for name, data in file_parts.cut(tmp_path / f"{NAME}.zip", 200_000):
            (out / name).write_bytes(data)
        return out

    return put_out


def test_a_run_that_measures_the_same_here_is_shipped(collect, put_out, tmp_path):
    code, output, shipped = collect(put_out())
    assert code == 0 and "a GPU; shipped" in output
    ((name, run, _),) = shipped
    assert name == NAME and (run / "recipe.json").is_file() and run == tmp_path / "runs" / NAME


def test_a_run_whose_measurement_was_cut_is_measured_here(collect, put_out, tmp_path):
    out = put_out()
    ((whole, parts),) = file_parts.find([out]).items()
    file_parts.join(whole, parts, tmp_path / "whole.zip")
    with zipfile.ZipFile(tmp_path / "whole.zip") as file:
        files = {name: file.read(name) for name in file.namelist() if name != "result.json"}
    for path in out.iterdir():
        path.unlink()
    with zipfile.ZipFile(tmp_path / f"{NAME}.zip", "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    for name, content in file_parts.cut(tmp_path / f"{NAME}.zip", 200_000):
        (out / name).write_bytes(content)
    code, output, shipped = collect(out)
    assert code == 0 and "%; shipped" in output and [name for name, *_ in shipped] == [NAME]


@pytest.mark.parametrize(
    ("result", "recipe", "ship_at", "options", "message"),
    [
        (None, None, 99.0, [], "below 99.0%"),
        (None, {"images": 64}, 0.0, [], "a trial on fewer"),
        (None, None, 0.0, ["--only-check"], "would be shipped"),
        ({"top1": 0.9}, None, 0.0, [], "90.00% on a GPU, but"),
        ({"run": {}}, None, 0.0, [], "refused: KeyError: 'device'"),
    ],
)
def test_a_run_that_may_not_ship_does_not(collect, put_out, result, recipe, ship_at, options, message):
    code, output, shipped = collect(put_out(result, recipe), ship_at, *options)
    assert message in output and shipped == []
    assert code == ("but" in message or "refused" in message)


def test_a_run_that_does_not_beat_the_card_is_not_shipped(collect, put_out, monkeypatch):
    out = put_out()
    card = zoo.card(NAME)
    metrics = dataclasses.replace(zoo.card("dia_resnet20_cifar10").metrics, top1=100.0)
    monkeypatch.setattr(zoo, "card", lambda name: dataclasses.replace(card, metrics=metrics))
    code, output, shipped = collect(out)
    assert code == 0 and "the card has 100.0%" in output and shipped == []


@pytest.mark.parametrize("harm", [pathlib.Path.unlink, lambda path: path.write_bytes(b"x")], ids=["missing", "damaged"])
def test_parts_that_are_missing_or_damaged_are_refused(collect, put_out, harm):
    out = put_out()
    harm(next(out.glob("*.2of*")))
    code, output, shipped = collect(out)
    assert code == 1 and "refused" in output and shipped == []


def test_a_run_that_is_refused_does_not_replace_an_earlier_one(collect, put_out, tmp_path):
    earlier = tmp_path / "runs" / NAME / "result.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("{}")
    code, output, shipped = collect(put_out({"top1": 2.0}))
    assert code == 1 and "% here" in output and shipped == []
    assert earlier.read_text() == "{}" and [path.name for path in (tmp_path / "runs").iterdir()] == [NAME]


def test_what_is_no_zip_is_refused(collect, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / f"{NAME}.zip").write_bytes(b"no zip" * 100)
    for name, data in file_parts.cut(tmp_path / f"{NAME}.zip", 200):
        (tmp_path / "out" / name).write_bytes(data)
    code, output, shipped = collect(tmp_path / "out")
    assert code == 1 and "refused: BadZipFile" in output and shipped == []
