"""The runner: it trains what is missing, once, goes on where it stopped, and reports what it found."""

import csv
import dataclasses
import json
import math
import os
import signal
import socket

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from scipy.stats import ttest_ind

from dia_keras.cli import console, main
from dia_keras.reproduction import (
    Scale,
    claims,
    estimate,
    read_table,
    reproduce,
    runner,
    table_names,
    time_estimate,
    write_report,
)
from dia_keras.reproduction.data_sets import Sources
from dia_keras.reproduction.report.page import markdown
from dia_keras.reproduction.report.picture import _curves, _points, entitle
from dia_keras.reproduction.report.summary import Summary, of_begun_groups
from dia_keras.reproduction.trainings import classifier
from dia_keras.reproduction.trainings.measures import measure
from dia_keras.reproduction.trainings.training import Trained
from dia_keras.training.runs.budget import WallClockBudget
from dia_keras.training.runs.divergence import Diverged
from dia_keras.training.runs.epochs_that_fit import Speed
from dia_keras.training.runs.log import read_log
from dia_keras.zoo.finding import find_network

TABLE = read_table("table13")
SCALE = Scale(seeds=3, networks={"ResNet164": "ResNet8-basic"}, image_size=8, is_smoke=True)
NAMES = ["no stage", "stage 1", "stage 2", "stage 3"]


def top1(name, seed):
    """The accuracies that the fake training finds: means 70, 71, 72, 73."""
    return 70 + NAMES.index(name) + [-0.5, 0, 0.5][seed]


def result_of(training, record, accuracy):
    """What a training leaves."""
    return {
        "training": training.record(),
        "parameters": 1_946_132,
        "data": record,
        "measures": {"top1": accuracy},
        "exploded": None,
        "log": [{"epoch": 0.0, "loss": 2.0, "val_accuracy": 0.1}, {"epoch": 1.0, "loss": 1.0, "val_accuracy": 0.2}],
        "run": {"device": "a device"},
    }


@pytest.fixture
def trained(monkeypatch):
    """Trainings that take no time. Gives the list of them: key of the row and seed."""
    done = []

    def train(training, data, directory, record, options):
        name = next(row.name for row in TABLE.rows if row.key == training.recipe.entry)
        done.append((name, training.recipe.seed))
        return Trained(result_of(training, record, top1(name, training.recipe.seed)), None)

    monkeypatch.setattr(classifier.ClassifierTraining, "train", train)
    return done


def test_each_row_is_trained_once_seed_by_seed_and_more_seeds_can_be_added(trained, sources, tmp_path):
    two = Scale(seeds=2, networks=SCALE.networks, image_size=8, is_smoke=True)
    assert reproduce(TABLE, tmp_path, scale=two, sources=sources) == (8, 8, 0)
    assert trained == [(name, seed) for seed in (0, 1) for name in NAMES]
    assert reproduce(TABLE, tmp_path, scale=SCALE, sources=sources) == (12, 12, 0)
    assert trained[8:] == [(name, 2) for name in NAMES]
    reproduce(TABLE, tmp_path, scale=SCALE, sources=sources)
    assert len(trained) == 12 and not list((tmp_path / "claims").iterdir())


def test_what_another_process_has_is_left_to_it(trained, sources, tmp_path):
    (tmp_path / "claims").mkdir()
    theirs = claims.take(tmp_path / "claims", f"{TABLE.rows[1].key}-0")
    found = reproduce(TABLE, tmp_path, scale=SCALE, sources=sources)
    assert found == (12, 11, 1) and ("stage 1", 0) not in trained
    theirs.release()
    assert reproduce(TABLE, tmp_path, scale=SCALE, sources=sources) == (12, 12, 0)


def test_an_error_and_a_spent_budget_give_the_training_back(trained, sources, tmp_path, monkeypatch):
    def fails(*arguments, **options):
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(classifier.ClassifierTraining, "train", fails)
        with pytest.raises(OSError, match="no space"):
            reproduce(TABLE, tmp_path, scale=SCALE, sources=sources)
        patch.setattr(classifier.ClassifierTraining, "train", lambda *arguments, **options: None)
        assert reproduce(TABLE, tmp_path, scale=SCALE, sources=sources) == (12, 0, 0)
    assert reproduce(TABLE, tmp_path, scale=SCALE, sources=sources, rows=["*stage_3"]) == (3, 3, 0)


def test_a_folder_is_of_one_table_at_one_scale(trained, sources, tmp_path):
    reproduce(TABLE, tmp_path, scale=SCALE, sources=sources, rows=["*stage_3"])
    other = Scale(seeds=3, networks=SCALE.networks, image_size=8, is_smoke=True, recipe={"pad": 0})
    with pytest.raises(ValueError, match="differs in recipe"):
        reproduce(TABLE, tmp_path, scale=other, sources=sources)
    with pytest.raises(ValueError, match="differs in table"):
        reproduce(read_table("table10"), tmp_path, scale=SCALE, sources=sources)
    for name, value in (("image_size", 16), ("epochs", 20)):
        with pytest.raises(ValueError, match=f"differs in {name}"):
            write_report(TABLE, tmp_path, dataclasses.replace(SCALE, **{name: value}))
    path = next((tmp_path / "results").iterdir())
    result = json.loads(path.read_text())
    result["training"]["arguments"]["attention_stages"] = [1]
    path.write_text(json.dumps(result))
    with pytest.raises(ValueError, match="of other settings"):
        write_report(TABLE, tmp_path, SCALE)


def test_a_command_that_failed_before_it_trained_leaves_the_folder_free(trained, sources, tmp_path, monkeypatch):
    def fails(*arguments, **options):
        raise ValueError("bad")

    wrong = dataclasses.replace(SCALE, recipe={"batch_size": 0})
    with pytest.raises(ValueError, match="`batch_size` must be positive"):
        reproduce(TABLE, tmp_path / "run", scale=wrong, sources=sources)
    assert not (tmp_path / "run").exists()
    with monkeypatch.context() as patch:
        patch.setattr(classifier.ClassifierTraining, "train", fails)
        with pytest.raises(ValueError, match="bad"):
            reproduce(TABLE, tmp_path, scale=dataclasses.replace(SCALE, image_size=4), sources=sources)
    assert reproduce(TABLE, tmp_path, scale=SCALE, sources=sources) == (12, 12, 0)


def test_a_network_that_cannot_be_kept_leaves_the_training_to_go_on(sources, tmp_path, monkeypatch):
    scale = Scale(seeds=1, networks={"ResNet50": "ResNet8-basic"}, image_size=8, is_smoke=True)
    table, key, said = read_table("table9"), "resnet50_chest_xray_org", []

    def fails(*arguments):
        raise OSError("no space")

    def train(keep_weights):
        return reproduce(
            table, tmp_path, scale=scale, sources=sources, rows=[key], keep_weights=keep_weights, say=said.append
        )

    with monkeypatch.context() as patch:
        patch.setattr(classifier, "save_network", fails)
        with pytest.raises(OSError, match="no space"):
            train(keep_weights=True)
    assert list((tmp_path / "trainings").iterdir()) and not list((tmp_path / "results").iterdir())
    assert train(keep_weights=False) == (1, 1, 0)
    train(keep_weights=True)
    assert said[-1] == f"{key}-0 was trained without keeping its network. To train it again, remove its result."


@pytest.mark.parametrize("hours", [0, -1.0, math.nan, math.inf])
def test_hours_without_a_sign_of_life_are_positive(trained, sources, tmp_path, hours):
    with pytest.raises(ValueError, match="`stale_hours` must be positive"):
        reproduce(TABLE, tmp_path / "run", scale=SCALE, sources=sources, stale_hours=hours)
    assert not (tmp_path / "run").exists() and not trained


def test_the_report_has_our_figures_the_tests_and_the_papers(trained, sources, tmp_path):
    reproduce(TABLE, tmp_path, scale=SCALE, sources=sources)
    page = write_report(TABLE, tmp_path, SCALE)
    rows = list(csv.DictReader((tmp_path / "table13.csv").read_text().splitlines()))
    assert [row["row"] for row in rows] == NAMES
    assert (rows[0]["top1_mean"], rows[0]["top1_std"], rows[0]["top1_paper"], rows[0]["p"]) == (
        "70",
        "0.5",
        "77.09",
        "",
    )
    reference = [top1("no stage", seed) for seed in range(3)]
    p_values = [ttest_ind([top1(name, seed) for seed in range(3)], reference).pvalue for name in NAMES[1:]]
    assert [float(row["p"]) for row in rows[1:]] == pytest.approx(p_values, rel=1e-4)
    assert p_values[0] > p_values[1] > p_values[2]
    holm = [p_values[0], 2 * p_values[1], 3 * p_values[2]]
    assert [float(row["p_holm"]) for row in rows[1:]] == pytest.approx([max(holm[i:]) for i in range(3)], rel=1e-4)
    text = page.read_text()
    assert "# Table 13: DIA-LSTM removed from one stage of ResNet164\n" in text and "- The paper has no row" in text
    assert (
        "| row | seeds | parameters | paper | top1 | paper | against | difference | 95% interval | p | p (Holm) |"
        in text
    )
    assert (
        "| stage 3 | 3 | 1.95M | 1.78M | 73.00 ± 0.50 | 75.78 | no stage | +3.00 | +1.87 to +4.13 | 0.002 | 0.005 |"
        in text
    )
    assert "Not complete yet" not in text and "_roc.png" not in text
    assert "**Other data stand in for CIFAR-100: the figures here are not of CIFAR-100.**" in text
    assert (tmp_path / "table13.png").read_bytes().startswith(b"\x89PNG")


def test_a_report_of_what_is_complete_so_far(trained, sources, tmp_path):
    reproduce(TABLE, tmp_path, scale=SCALE, sources=sources, rows=["*no_stage"])
    text = write_report(TABLE, tmp_path, SCALE).read_text()
    assert "| stage 1 | 0 |" in text
    assert "Not complete yet, with the number of trainings to go: resnet164_cifar100_stage_1 (3), " in text
    with pytest.raises(ValueError, match="must have a complete training"):
        write_report(TABLE, tmp_path / "none", SCALE)


def test_groups_without_a_training_are_named_and_not_shown():
    table = read_table("table4")
    figures = {"parameters": 1, "measures": {"top1": 50.0}, "exploded": None, "data": {}, "run": {"device": "a CPU"}}
    summaries = [Summary(row, {0: figures} if row.key == "resnet164_cifar100_org" else {}) for row in table.rows]
    text = markdown(table, summaries, Scale(seeds=1))
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## ResNet164 on CIFAR-100"]
    assert "\nNot trained here: ResNet164 on CIFAR-10, WRN52-4 on CIFAR-10, WRN52-4 on CIFAR-100, ResNeXt" in text
    assert "trainings to go: resnet164_cifar100_se (1), " in text and "resnet164_cifar10_" not in text
    shown = of_begun_groups(summaries)
    assert {summary.row.group for summary in shown} == {"ResNet164, cifar100"} and len(shown) == 10


def test_a_figure_has_curves(trained, sources, tmp_path, monkeypatch):
    figure = read_table("figure11")
    monkeypatch.setattr(f"{__name__}.TABLE", figure)
    monkeypatch.setattr(f"{__name__}.NAMES", [row.name for row in figure.rows])
    reproduce(figure, tmp_path, scale=SCALE, sources=sources)
    write_report(figure, tmp_path, SCALE)
    assert (tmp_path / "figure11.png").read_bytes().startswith(b"\x89PNG")


def test_the_mean_curve_is_of_the_seeds_that_did_not_explode():
    log = [{"loss": 2.0 - epoch / 10, "val_accuracy": epoch / 10} for epoch in range(5)]
    results = {seed: {"log": log, "exploded": None} for seed in range(2)} | {2: {"log": log[:1], "exploded": "NaN"}}
    for axes in _curves([Summary(read_table("figure10").rows[0], results)]).axes:
        (line,) = (line for line in axes.lines if not line.get_label().startswith("_"))
        assert len(line.get_xdata()) == 5


def test_our_figures_and_the_papers_are_drawn_to_the_same_scale():
    rows = read_table("table14").rows[3:6]
    lost = {"measures": {"top1": math.nan}, "exploded": "NaN", "data": {}}
    results = [{0: lost}, {0: lost, 1: {"measures": {"top1": 2.0}, "exploded": None, "data": {}}}]
    values = [3.0, 3.0, 3.0, 3.0, 9.0]  # of which the last is beyond the deviation
    results.append(
        {seed: {"measures": {"top1": value}, "exploded": None, "data": {}} for seed, value in enumerate(values)}
    )
    summaries = [Summary(*each) for each in zip(rows, results, strict=True)]
    here, paper = _points(read_table("table14"), summaries, Scale()).subfigs[0].axes
    assert [axes.get_title() for axes in (here, paper)] == ["here", "paper"]
    (low, high), (least, most) = here.get_xlim(), paper.get_xlim()
    assert high - low == pytest.approx(most - least)
    assert low < np.mean(values) - np.std(values, ddof=1) and high > 9 and least < 73.77 < most
    assert [text.get_text() for text in here.texts] == ["exploded", "1 of 2 exploded"]
    assert [text.get_text() for text in paper.texts] == ["exploded", "exploded"]
    assert here.texts[1].xy[0] == 0.99  # of a row whose mean is at the left
    assert [text.get_text() for text in here.get_yticklabels()] == ["Org", "SE", "DIA-LSTM"]


def test_the_note_of_a_row_does_not_hide_its_mean():
    rows = read_table("table14").rows[3:6]
    lost = {"measures": {"top1": math.nan}, "exploded": "NaN", "data": {}}
    at = [{0: {"measures": {"top1": value}, "exploded": None, "data": {}}, 1: lost} for value in (1.0, 9.0, 5.0)]
    summaries = [Summary(*each) for each in zip(rows, at, strict=True)]
    here = _points(read_table("table14"), summaries, Scale()).subfigs[0].axes[0]
    assert [text.xy[0] for text in here.texts] == [0.99, 0.01, 0.99]


def test_a_dotted_line_reaches_from_a_row_to_those_that_are_compared_with_it():
    rows = read_table("table3").rows[:5]
    found = [{0: {"measures": {"top1": 1.0 + at}, "exploded": None, "data": {}}} for at in range(len(rows))]
    summaries = [Summary(*pair) for pair in zip(rows, found, strict=True)]
    figure = _points(read_table("table3"), summaries, Scale(networks={"ResNet83": "ResNet20"}))
    assert figure.subfigs[0].get_suptitle() == "ResNet83, cifar10 (here ResNet20)"
    lines = [line.get_segments()[0].tolist() for line in figure.subfigs[0].axes[0].collections]
    dotted = [line for line in lines if line[0][1] != line[1][1]]
    assert [row.name for row in rows[1:]] == ["SE (r=4)", "SE (r=4), DIA", "SE (r=8)", "SE (r=8), DIA"]
    assert dotted == [[[2.0, 0.6], [2.0, 2.4]], [[4.0, 2.6], [4.0, 4.4]]]
    found[3][0]["data"] = {"stands_in": True}
    figure = _points(read_table("table3"), summaries, Scale(networks={"ResNet83": "ResNet20"}))
    assert figure.subfigs[0].get_suptitle() == "ResNet83, cifar10 (here ResNet20, other images)"


def test_other_columns_of_the_paper_have_panels_and_groups_one_length():
    table = read_table("table9")
    measures = {name: 50.0 for name in table.columns}
    summaries = [Summary(row, {0: {"measures": measures, "exploded": None, "data": {}}}) for row in table.rows]
    figure = _points(table, summaries, Scale())
    assert [part.axes[0].get_xlabel() for part in figure.subfigs[:3]] == ["top1 (%)", "PNEUMONIA (%)", "NORMAL (%)"]
    table = read_table("table11")
    found = [{0: {"measures": {"top1": 10.0 * at}, "exploded": None, "data": {}}} for at in range(len(table.rows))]
    figure = _points(table, [Summary(*pair) for pair in zip(table.rows, found, strict=True)], Scale())
    ranges = [axes.get_xlim() for part in figure.subfigs for axes in part.axes]
    assert np.ptp(ranges, axis=1) == pytest.approx([12.0] * 8)


def test_a_network_that_explodes_is_a_result(sources, tmp_path, monkeypatch):
    def explodes(*arguments, **options):
        raise Diverged("The loss is nan at step 1 of epoch 1: the training stops. It has no checkpoint yet.")

    monkeypatch.setattr(classifier, "fit", explodes)
    one = Scale(seeds=1, networks={"ResNet83": "ResNet8-basic"}, image_size=8, is_smoke=True)
    table = read_table("table14")
    rows = ["resnet83_cifar100_org", "resnet83_cifar100_dia-lstm"]
    assert reproduce(table, tmp_path, scale=one, sources=sources, rows=rows) == (2, 2, 0)
    result = json.loads((tmp_path / "results" / f"{rows[0]}-0.json").read_text())
    assert (result["measures"], result["exploded"]) == ({"top1": None}, "The loss is nan at step 1 of epoch 1")
    text = write_report(table, tmp_path, one).read_text()
    assert "| Org | 1 | 0.08M | 0.88M | nan | nan | DIA-LSTM |  |  |  |  |  |" in text


def test_a_network_is_the_one_measured_and_kept_on_demand(sources, tmp_path, monkeypatch):
    scale = Scale(seeds=1, networks={"ResNet50": "ResNet8-basic"}, image_size=8, is_smoke=True)
    key = "resnet50_chest_xray_org"
    reproduce(read_table("table9"), tmp_path, scale=scale, sources=sources, rows=[key], keep_weights=True)
    result = json.loads((tmp_path / "results" / f"{key}-0.json").read_text())
    assert set(result["measures"]) == {"top1", "top5", "balanced", "NORMAL", "PNEUMONIA", "auc"}
    assert len(result["log"]) == 2 and math.isfinite(result["log"][1]["loss"])
    assert result["roc"]["positive"] == "PNEUMONIA" and len(result["roc"]["found"]) == 101
    text = write_report(read_table("table9"), tmp_path, scale).read_text()
    assert "![ROC curves](table9_roc.png)" in text and "stand in" not in text
    assert (tmp_path / "table9_roc.png").read_bytes().startswith(b"\x89PNG")
    assert not list((tmp_path / "trainings").iterdir())
    network = find_network(tmp_path / "networks" / f"{key}-0.keras").load()
    images, labels = (np.load(sources.paths[""])[name] for name in ("x_test", "y_test"))
    assert measure(network.predict(images, verbose=0), labels, ("NORMAL", "PNEUMONIA")) == result["measures"]
    assert not network.compiled


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of the state, in stages of one block
def test_a_training_that_is_stopped_goes_on_from_its_checkpoint(sources, tmp_path, monkeypatch):
    class Stop(WallClockBudget):
        """Stops before the second epoch."""

        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            self.stopped = epoch == 1

    one, key = Scale(seeds=1, networks=SCALE.networks, image_size=8, is_smoke=True), TABLE.rows[1].key
    with monkeypatch.context() as patch:
        patch.setattr(runner, "WallClockBudget", Stop)
        assert reproduce(TABLE, tmp_path, scale=one, sources=sources, rows=[key]) == (1, 0, 0)
    log = tmp_path / "trainings" / f"{key}-0" / "log.csv"
    first = read_log(log)
    assert reproduce(TABLE, tmp_path, scale=one, sources=sources, rows=[key]) == (1, 1, 0)
    result = json.loads((tmp_path / "results" / f"{key}-0.json").read_text())
    assert len(first) == 1 and result["log"][:1] == first and [row["epoch"] for row in result["log"]] == [0, 1]


def test_results_on_other_data_are_not_read_together(trained, sources, noise, write_data, tmp_path):
    reproduce(TABLE, tmp_path, scale=SCALE, sources=sources, rows=["*stage_3"])
    record = json.loads((tmp_path / "results" / f"{TABLE.rows[-1].key}-0.json").read_text())["data"]
    assert record["stands_in"] and set(record["sha256"]) == {"training", "test"}
    other = Sources({"cifar100": str(write_data(["a", "b"]))})
    with pytest.raises(ValueError, match=r"trainings on the same data.* training and test images of cifar100"):
        reproduce(TABLE, tmp_path, scale=SCALE, sources=other)
    assert ("no stage", 0) not in trained
    path = tmp_path / "results" / f"{TABLE.rows[-1].key}-1.json"
    result = json.loads(path.read_text())
    result["data"]["sha256"]["test"] = "0"
    path.write_text(json.dumps(result))
    with pytest.raises(ValueError, match=rf"Received: {path} and .*, with other test images of cifar100"):
        write_report(TABLE, tmp_path, SCALE)


def test_an_estimate_is_measured_and_counts_all_trainings(cifar, monkeypatch):
    measured = []

    def measure_speed(recipe, model, teachers, images, held_out, classes, steps):
        measured.append((recipe.entry, steps))
        return Speed(per_epoch=36.0, compiling=4.0)

    monkeypatch.setattr(classifier, "measure_speed", measure_speed)
    scale = Scale(epochs=100, networks={"ResNet164": "ResNet14-basic"}, image_size=8, recipe={"batch_size": 2})
    found = estimate(read_table("table15"), scale=scale, sources=cifar)
    assert [(each.group, len(each.rows), each.trainings, each.epochs, each.measured) for each in found] == [
        (f"ResNet164, {name}", 3, 45, 100, "DIA-LSTM") for name in ("cifar10", "cifar100")
    ]
    assert measured == [("resnet164_cifar10_dia-lstm", 5)]  # both data sets have the same images
    assert found[0].seconds_per_training == pytest.approx(3604, abs=20)
    assert found[0].hours == pytest.approx(45, rel=0.01)


def run(*arguments):
    console.width = 200
    return CliRunner().invoke(main, ["reproduce", *map(str, arguments)])


def test_the_command_trains_reports_and_tells_what_is_left(trained, noise, tmp_path):
    scale = ["--smoke", "--seeds", 1, "--network", "ResNet164=ResNet8-basic", "--image-size", 8, "--out", tmp_path]
    found = run("table13", *scale, "--data", f"cifar100={noise}", "--row", "*stage_3")
    assert found.exit_code == 0 and "1 of 1 trainings are complete.\nReport: " in found.output, found.output
    (tmp_path / "claims" / f"{TABLE.rows[0].key}-0.1.claim").write_text(
        json.dumps({"host": "elsewhere", "pid": 1, "process_start": None})
    )
    found = run("table13", *scale, "--data", noise)
    assert found.exit_code == 3 and "Other processes are at 1 of the others. Run the same" in found.output
    found = run("table13", *scale, "--report")
    assert found.exit_code == 0 and found.output.startswith(f"Report: {tmp_path}") and len(trained) == 3


@pytest.mark.parametrize("is_last_step", [False, True])
def test_the_command_stops_by_a_signal_with_its_code(is_last_step, noise, tmp_path, monkeypatch):
    """In the last step, the training is complete: it leaves a result, and neither claim nor checkpoints."""

    def stopped(training, data, directory, record, options):
        directory.mkdir()
        os.kill(os.getpid(), signal.SIGTERM)
        return Trained(result_of(training, record, 70.0), None) if is_last_step else None

    monkeypatch.setattr(classifier.ClassifierTraining, "train", stopped)
    found = run("table13", "--data", noise, "--smoke", "--out", tmp_path)
    assert found.exit_code == 143 and "Stopped." in found.output
    left = [len(list((tmp_path / name).iterdir())) for name in ("results", "claims", "trainings")]
    assert left == ([1, 0, 0] if is_last_step else [0, 1, 1])
    assert not claims.is_held(tmp_path / "claims", f"{TABLE.rows[0].key}-0")


def test_what_a_killed_process_left_of_a_complete_training_is_removed(trained, sources, tmp_path):
    reproduce(TABLE, tmp_path, scale=SCALE, sources=sources)
    job = f"{TABLE.rows[0].key}-0"
    (tmp_path / "trainings" / job).mkdir()
    (tmp_path / "claims" / f"{job}.1.claim").write_text(
        json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "process_start": "earlier"})
    )
    reproduce(TABLE, tmp_path, scale=SCALE, sources=sources)
    assert not list((tmp_path / "claims").iterdir()) and not list((tmp_path / "trainings").iterdir())


def test_the_list_shows_every_table_and_why_some_cannot_be_run(noise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = run("--list", "--data", f"cifar100={noise}", "--data-dir", tmp_path).output
    lines = {name: next(line for line in output.splitlines() if f" {name} " in line) for name in table_names()}
    assert "can be run" in lines["table10"] and "needs data: cifar10 " in lines["table15"]
    assert "needs data: coco" in lines["table8"] and "`tfds build coco/2017` fetches it" in output
    assert "`tfds build cifar10`" in output
    assert "needs data: chest_xray" in lines["figure6"] and "can be run" in lines["figure9"]


def test_the_dry_run_shows_groups_rows_and_hours(noise, monkeypatch):
    found = [time_estimate.GroupEstimate("ResNet164, cifar100", ("a_row", "b_row"), 30, 164, "DIA-LSTM", 3600.0)]
    monkeypatch.setattr("dia_keras.reproduction.estimate", lambda table, **options: found)
    output = run("table13", "--dry-run", "--data", noise).output
    assert "164" in output and "ResNet164, cifar100: a_row, b_row" in output and "30.0 hours (1.2 days) on " in output


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "`TABLE` must be one that"),
        (["table5"], "`TABLE` must be one of table3, "),
        (["table8", "--data", "none"], "The data set coco is not at none."),
        (
            ["table8", "--network", "ResNet50=ResNet20", "--data", "."],
            "`--network` must be ResNet18, ResNet34, ResNet50 or",
        ),
        (["table8", "--set", "lr=1", "--data", "."], "`--set` must be fields of a detector's settings, augment, "),
        (
            ["table15", "--data", "."],
            "`--data` must name the data set of each path, as in cifar10=PATH, since ",
        ),
        (["table10", "--network", "ResNet8"], "`--network` takes OLD=NEW. Received: 'ResNet8'"),
        (["table10", "--network", "ResNet8=ResNet20"], "`--network` must replace networks of Table 10: ResNet164."),
        (["table10", "--row", "x"], "`--row` must match rows of Table 10: "),
        (["table10", "--seeds", "0"], "`--seeds` must be a positive integer"),
        (["table10", "--set", "lr=1"], "`--set` must be fields of a recipe"),
        (["table10", "--minutes", "0", "--data", "."], "`--minutes` must be positive and finite"),
        (["table10", "--data", "none.npz"], "The data set cifar100 is not at none.npz."),
    ],
)
def test_wrong_arguments_are_one_line(arguments, error, tmp_path):
    found = run(*arguments, "--out", tmp_path / "run")
    assert found.exit_code == 1 and found.output.startswith(f"Error: {error}"), found.output
    assert "Traceback" not in found.output and not (tmp_path / "run").exists()


def test_a_picture_tells_what_is_not_as_in_the_paper():
    figure = Figure(figsize=(6, 4))
    entitle(figure, "Table 13: a title", Scale(networks={"ResNet164": "ResNet20-basic"}, epochs=30, image_size=16))
    assert figure.get_suptitle().replace("\n", " ") == (
        "Table 13: a title here: ResNet164 is ResNet20-basic; 30 epochs; images of 16 pixels"
    )
    entitle(figure, "Table 13: a title", Scale(seeds=3))
    assert figure.get_suptitle() == "Table 13: a title"
