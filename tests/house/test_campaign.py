"""The campaign takes the queue's rows in order, in the minutes given, and no row stops another."""

import csv
import importlib.util
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time
import zipfile

import file_parts
import numpy as np
import pytest
from click.testing import CliRunner

from dia_keras import zoo
from dia_keras.training import Phase, Recipe, load_recipe

ZOO = pathlib.Path(__file__).parents[2] / "zoo"
ROWS = [{"entry": name, "recipe": "one_cycle_gpu"} for name in ("first", "second", "third")]


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("campaign", ZOO / "campaign.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(script, tmp_path, monkeypatch):
    """Function that makes a call's campaign, whose rows are a function `(name, run, seconds) -> code, errors`."""
    outputs = iter(range(100))

    def start(row, rows=ROWS, minutes=10, **settings):
        def run_row(self, arguments, seconds):
            self.taken.append(arguments[0])
            self.options = dict(itertools.pairwise(arguments))
            self.fitted_to = next(float(a.split("=")[1]) for a in arguments if a.startswith("--fit-seconds="))
            run = pathlib.Path(self.options["--run"])
            run.mkdir(exist_ok=True)
            return row(arguments[0], run, seconds)

        monkeypatch.setattr(script.Campaign, "run_row", run_row)
        out = tmp_path / f"out{next(outputs)}"
        campaign = script.Campaign(rows, tmp_path / "work", out, minutes, **settings)
        campaign.taken = []
        return campaign

    return start


def complete(name, run, seconds):
    """A row that is trained and measured at once."""
    (run / "final.weights.h5").write_bytes(np.random.default_rng(len(name)).bytes(1000))
    (run / "result.json").write_text('{"top1": 0.5, "images": 10}')
    return 0, ""


def states(campaign):
    return {row["entry"]: row["state"] for row in json.loads((campaign.out / "campaign.json").read_text())["rows"]}


def notes(campaign):
    rows = json.loads((campaign.out / "campaign.json").read_text())["rows"]
    return {row["entry"]: row["note"] for row in rows if "note" in row}


def test_rows_are_taken_in_the_order_of_the_queue_and_put_out(start):
    campaign = start(complete)
    campaign.resume()
    assert campaign.taken == ["first", "second", "third"]
    assert set(states(campaign).values()) == {"complete"}
    names = [whole.name for whole in file_parts.find([campaign.out])]
    assert sorted(names) == ["first.zip", "second.zip", "third.zip"]


def test_a_complete_row_is_neither_taken_nor_put_out_again(start):
    start(complete).resume()
    second = start(complete)
    second.resume()
    assert second.taken == [] and file_parts.find([second.out]) == {}


def test_epochs_fit_into_the_time_of_all_calls(start):
    """Of calls of 10 minutes: one that is the first of 25 minutes, and one that begins 5 minutes before the end."""
    begins = start(complete, all_minutes=25)
    assert begins.seconds_to_fit() == pytest.approx(25 * 60 - 60 - 3 * 45, abs=5)
    begins.state["began"] = time.time() - 20 * 60
    begins.save()
    assert start(complete, all_minutes=25).seconds_to_fit() == pytest.approx(5 * 60 - 60 - 45, abs=5)


def test_the_time_of_all_calls_begins_with_the_first_row_that_has_its_data(start):
    def without_data(name, run, seconds):
        (run / "left.txt").write_text("for a later call: cifar100.npz is not there yet")
        return 0, ""

    waiting = start(without_data, all_minutes=25)
    waiting.resume()
    assert waiting.taken == ["first", "second", "third"] and waiting.state["began"] is None
    training = start(complete, all_minutes=25)
    training.resume()
    assert time.time() - training.state["began"] < 60


def test_no_row_is_begun_once_the_time_of_all_calls_is_over(start):
    def begun(name, run, seconds):
        (run / "recipe.json").write_text("{}")
        return None, ""

    start(begun, ROWS[:1], all_minutes=25).resume()
    late = start(complete, all_minutes=25)
    late.state["began"] -= 30 * 60
    late.resume()
    assert late.taken == ["first"] and notes(late)["second"] == "not begun: the time of all calls is over"


def test_weights_whose_measurement_was_cut_are_put_out_and_once_more_with_it(start):
    def cut(name, run, seconds):
        complete(name, run, seconds)
        (run / "result.json").unlink()
        return None, ""

    for row, names in ((cut, ["final.weights.h5"]), (complete, ["final.weights.h5", "result.json"])):
        campaign = start(row, ROWS[:1])
        campaign.resume()
        ((whole, parts),) = file_parts.find([campaign.out]).items()
        file_parts.join(whole, parts, campaign.work / "first.zip")
        with zipfile.ZipFile(campaign.work / "first.zip") as file:
            assert sorted(file.namelist()) == names


def test_a_row_that_fails_does_not_stop_the_next(start):
    def row(name, run, seconds):
        return (1, "Traceback\nValueError: bad entry") if name == "first" else complete(name, run, seconds)

    campaign = start(row)
    campaign.resume()
    assert states(campaign) == {"first": "waiting", "second": "complete", "third": "complete"}
    assert "ValueError: bad entry" in (campaign.out / "errors.txt").read_text()
    assert notes(campaign) == {"first": "failed: ValueError: bad entry"}


def test_rows_that_are_no_rows_do_not_stop_the_next(start):
    campaign = start(complete, [{"entry": "x"}, {"recipe": "y"}, {"entry": "../out", "recipe": "y"}, ROWS[0]])
    campaign.resume()
    assert states(campaign)["first"] == "complete"
    assert states(campaign).keys() == {"x", "row 2", "../out", "first"}
    assert "KeyError: 'recipe'" in (campaign.out / "errors.txt").read_text()


def test_a_row_that_comes_no_further_is_given_up(start, script):
    for _ in range(script.TRIES):
        campaign = start(lambda *_: (1, "crash"), ROWS[:1])
        campaign.resume()
        assert campaign.taken == ["first"]
    campaign = start(complete, ROWS[:1])
    campaign.resume()
    assert campaign.taken == [] and "given up" in notes(campaign)["first"]


def test_a_row_that_comes_further_in_every_call_goes_on(start, script):
    def row(name, run, seconds):
        with (run / "log.csv").open("a") as file:
            file.write("a row\n")
        return None, ""

    for _ in range(3 * script.TRIES):
        campaign = start(row, ROWS[:1])
        campaign.resume()
        assert campaign.taken == ["first"] and "time is over" in notes(campaign)["first"]


def test_a_row_for_which_too_few_epochs_fit_is_left_and_taken_again_in_the_next_call(start, script):
    def row(name, run, seconds):
        if name == "second":
            return complete(name, run, seconds)
        (run / "left.txt").write_text("for a later call: 3 epochs fit")
        return 0, ""

    for _ in range(script.TRIES + 1):
        campaign = start(row, ROWS[:2])
        campaign.resume()
        assert campaign.taken[0] == "first" and notes(campaign) == {"first": "for a later call: 3 epochs fit"}
        assert states(campaign)["second"] == "complete"


def test_a_training_that_goes_on_in_the_next_call_has_the_time_of_all_calls_to_itself(start):
    def row(name, run, seconds):
        (run / "recipe.json").write_text('{"epochs": 9}')
        return 0, ""

    campaign = start(row, all_minutes=30)
    campaign.resume()
    assert campaign.taken == ["first"] and notes(campaign)["first"] == "goes on in the next call"


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf"])
def test_minutes_that_are_none_are_refused(script, minutes, tmp_path):
    result = CliRunner().invoke(script.main, ["--minutes", minutes, "--out", str(tmp_path)])
    assert result.exit_code == 2 and "must be positive and finite" in result.output


@pytest.mark.parametrize("text", ['[wanted]\nentry = "x"', "", "wanted = 3", "wanted = [3]", "[[wanted]"])
def test_a_file_that_is_no_queue_is_refused(script, text, tmp_path):
    queue = tmp_path / "queue.toml"
    queue.write_text(text)
    options = ["--minutes=1", f"--out={tmp_path / 'out'}", f"--work={tmp_path / 'work'}", f"--queue={queue}"]
    result = CliRunner().invoke(script.main, options)
    assert result.exit_code == 2 and f"{queue} must " in result.output.replace("\n", " ")
    assert list(tmp_path.iterdir()) == [queue]


def test_nothing_is_begun_at_the_end_of_a_call(start):
    campaign = start(complete, minutes=0.5)
    campaign.resume()
    assert campaign.taken == [] and all(note.startswith("for a later call") for note in notes(campaign).values())


def test_epochs_are_fitted_to_all_calls_less_what_starting_and_measuring_take(start, script):
    campaign = start(complete, ROWS[:1])
    campaign.resume()
    assert campaign.fitted_to == pytest.approx(600 - script.MEASURE - script.START, abs=5)
    campaign = start(complete, ROWS[1:2], all_minutes=25)  # two further calls
    campaign.resume()
    assert campaign.fitted_to == pytest.approx(1500 - script.MEASURE - 3 * script.START, abs=5)


def test_files_keep_the_limits_and_what_does_not_fit_waits_for_the_next_call(start, script, monkeypatch):
    monkeypatch.setattr(script, "OUT_FILES", 4)
    sent, outs = [], []
    for _ in range(3):
        campaign = start(complete, part_bytes=400)
        campaign.resume()
        parts = [path for path in campaign.out.iterdir() if file_parts.PATTERN.fullmatch(path.name)]
        assert len(parts) <= 4 and all(path.stat().st_size <= 400 for path in parts)
        sent += [path.name for path in parts]
        outs.append(campaign.out)
    assert len(sent) == len(set(sent)) > 8
    for whole, parts in file_parts.find(outs).items():
        file_parts.join(whole, parts, campaign.work / whole.name)
        assert (campaign.work / whole.name).read_bytes() == (campaign.work / "zips" / whole.name).read_bytes()


def test_bytes_of_a_call_are_limited_too(start, script, monkeypatch):
    monkeypatch.setattr(script, "OUT_BYTES", 1500)
    campaign = start(complete)
    campaign.resume()
    assert len(file_parts.find([campaign.out])) == 1


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (80, 32, 32, 3), np.uint8), np.arange(80) % 10
    names = np.array(zoo.card("resnet20_cifar10").labels)
    folder = tmp_path_factory.mktemp("data")
    np.savez(folder / "cifar10.npz", x_train=images, y_train=labels, x_test=images, y_test=labels, class_names=names)
    return folder


def test_a_killed_rehearsal_goes_on_and_is_collected(data, tmp_path, load_script):
    """The real thing: an entry is killed in its training and resumed; others have no data or do not exist."""
    queue = tmp_path / "queue.toml"
    names = ("resnet20_cifar10", "resnet20_cifar100", "no_such_entry")
    rows = [{"entry": name, "recipe": "one_cycle_gpu"} for name in names]
    queue.write_text(
        "".join(f'[[wanted]]\nentry = "{r["entry"]}"\nrecipe = "{r["recipe"]}"\nship = 0.0\n' for r in rows)
    )
    # PyTorch takes least time to start and does not compile for a few steps.
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": str(ZOO.parent), "PYTHONUNBUFFERED": "1"}

    def call(out):
        options = ["--minutes=10", "--data", data, "--work", tmp_path / "work", "--out", out, "--queue", queue]
        command = [sys.executable, ZOO / "campaign.py", *options, "--rehearsal"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    first = call(tmp_path / "out1")
    assert any(line.startswith("epoch 2/4") for line in first.stdout)
    first.kill()
    assert "test images" not in first.communicate()[0]  # which ends when the row's process has ended, too
    second = call(tmp_path / "out2")
    output = second.communicate()[0]
    assert second.returncode == 0, output
    assert "epoch 1/4" not in output and "epoch 4/4" in output
    assert "no_such_entry" in (tmp_path / "out2" / "errors.txt").read_text()
    assert "resnet20_cifar100: for a later call: cifar100.npz is not there yet" in output
    with (tmp_path / "work" / "runs" / "resnet20_cifar10" / "log.csv").open(newline="") as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [0, 1, 2, 3]

    outputs = [str(tmp_path / name) for name in ("out1", "out2")]
    options = ["--data", str(data), "--to", str(tmp_path / "runs"), "--queue", str(queue)]
    collected = CliRunner().invoke(load_script("collect").main, [*outputs, *options])
    assert collected.exit_code == 0, collected.output
    run = tmp_path / "runs" / "resnet20_cifar10"
    zoo.load("resnet20_cifar10", weights=run / "final.weights.h5")
    assert json.loads((run / "run.json").read_text())["device"]
    assert str(tmp_path) not in (run / "run.json").read_text()
    command = json.loads((run / "run.json").read_text())["command"]
    assert command.startswith("python zoo/train.py zoo/recipes/one_cycle_gpu.py --entry resnet20_cifar10 --set=")
    assert "not shipped" in collected.output  # a rehearsal's


@pytest.mark.parametrize("path", sorted((ZOO / "recipes").glob("*.py")), ids=lambda path: path.stem)
def test_every_recipe_can_be_rehearsed_and_fitted(path, load_script, tmp_path):
    row = load_script("campaign_row")
    recipe = row.rehearsed(load_recipe(path))
    assert recipe.epochs <= 4 and recipe.images == 4 * recipe.batch_size
    whole = load_recipe(path)
    phases = max(1, len(whole.phases))
    (tmp_path / "speed.json").write_text(json.dumps({"phases": phases * [{"per_epoch": 10.0, "compiling": 20.0}]}))
    seconds = 20 * phases + 10.5 * 12.5
    short = row.chosen(whole, tmp_path, None, seconds, least_epochs=1)
    assert short.epochs == 12 and sum(phase.epochs for phase in short.phases) in (0, 12)
    assert row.chosen(whole, tmp_path, None, seconds, least_epochs=13) is None
    assert "12 epochs fit" in (tmp_path / "left.txt").read_text()


def test_a_row_goes_on_with_the_epochs_that_it_began_with(load_script, tmp_path):
    row = load_script("campaign_row")
    whole = Recipe("resnet20_cifar10", 100, phases=(Phase(60, image_size=16), Phase(40)))
    (tmp_path / "speed.json").write_text(json.dumps({"phases": 2 * [{"per_epoch": 10.0, "compiling": 20.0}]}))
    begun = row.chosen(whole, tmp_path, None, 400, least_epochs=1)
    (tmp_path / "recipe.json").write_text(json.dumps(row.dataclasses.asdict(begun)))
    assert row.chosen(whole, tmp_path, None, 9999, least_epochs=90) == begun != whole
