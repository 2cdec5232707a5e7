"""What the units cost: counted by hand, timed in turns, reported beside the paper's figures."""

import csv
import json

import keras
import pytest
from click.testing import CliRunner

from dia_keras.backbones import resnet
from dia_keras.cli import console, main
from dia_keras.reproduction import Scale, cost, measure_cost, read_table, write_cost_report
from dia_keras.reproduction.cost import multiply_adds

TABLE = read_table("cost")
SCALE = Scale(seeds=3, networks={"ResNet164": "ResNet8-basic"}, image_size=8, recipe={"batch_size": 2})


def network(attention, **settings):
    """ResNet8 for images of 8x8: stages of 64, 16 and 4 places, 16, 32 and 64 channels."""
    return resnet(8, "basic", attention=attention, input_shape=(8, 8, 3), num_classes=10, **settings)


def test_multiply_adds_by_hand():
    stage1 = 64 * 9 * (3 * 16 + 2 * 16 * 16)
    stage2 = 16 * (9 * (16 * 32 + 32 * 32) + 16 * 32)
    stage3 = 4 * (9 * (32 * 64 + 64 * 64) + 32 * 64)
    plain = stage1 + stage2 + stage3 + 64 * 10
    assert multiply_adds(network(None)) == plain
    # DIA-LSTM has 10 N^2 / r weights in its matrices, with r = 4.
    assert multiply_adds(network("dia_lstm")) == plain + sum(10 * n**2 // 4 for n in (16, 32, 64))
    assert multiply_adds(network("dia_lstm_light")) == plain + sum(4 * n**2 // 16 for n in (16, 32, 64))
    assert multiply_adds(network("se")) == plain + sum(2 * n**2 // 16 for n in (16, 32, 64))


def test_a_shared_unit_counts_in_every_block():
    added = [multiply_adds(resnet(14, "basic", attention=each, input_shape=(8, 8, 3))) for each in ("dia_lstm", None)]
    assert added[0] - added[1] == 2 * sum(10 * n**2 // 4 for n in (16, 32, 64))


def test_grouped_convolutions_count_their_own_channels():
    model = keras.Sequential([keras.Input((4, 4, 8)), keras.layers.Conv2D(8, 1, groups=4)])
    assert multiply_adds(model) == 4 * 4 * 8 * 2


@pytest.fixture
def timed(monkeypatch):
    """Steps that take no time: 2 s of inference and 8 s of training, a tenth more a row. Gives the rounds."""
    rounds = []

    def interleaved(calls, runs):
        rounds.append((list(calls), runs))
        return {name: (2 if len(rounds) == 1 else 8) * (1 + number / 10) for number, name in enumerate(calls)}

    monkeypatch.setattr(cost, "interleaved", interleaved)
    return rounds


def test_rows_are_compared_with_their_reference(timed, tmp_path):
    costs = measure_cost(TABLE, scale=SCALE, rows=["*light*"])
    names = ["Org", "DIA-LSTM (Light)"]
    assert timed == [(names, 3)] * 2 and [each.row.name for each in costs] == names
    assert [(each.inference, each.training) for each in costs] == [(2, 8), (2.2, 8.8)]
    assert [each.inference_slower for each in costs] == pytest.approx([0, 10])
    page = write_cost_report(TABLE, costs, tmp_path / "new", SCALE)
    text = page.read_text()
    assert "medians of 3 steps of each" in text
    assert "| DIA-LSTM (Light) | 0.09M | 1.75M | 0.8M | 2 | 2200.0 | +10.0% | +1% | 8800.0 | +10.0% |" in text
    rows = list(csv.DictReader((tmp_path / "new" / "cost.csv").read_text().splitlines()))
    assert [row["inference_slower_paper"] for row in rows] == ["", "1"]
    record = json.loads((tmp_path / "new" / "cost.json").read_text())
    assert record["scale"]["image_size"] == 8 and record["run"]["device"] and len(record["rows"]) == 2
    assert (tmp_path / "new" / "cost.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_times_a_network(tmp_path):
    console.width = 200
    size = ["--network", "ResNet164=ResNet8-basic", "--image-size", 8]
    arguments = ["--smoke", *size, "--row", "*_org", "--out", tmp_path]
    found = CliRunner().invoke(main, ["reproduce", "cost", *map(str, arguments)])
    assert found.exit_code == 0 and f"Report: {tmp_path / 'cost.md'}" in found.output, found.output
    rows = json.loads((tmp_path / "cost.json").read_text())["rows"]
    assert [row["row"] for row in rows] == ["Org"] and all(row["inference"] > 0 and row["training"] > 0 for row in rows)


def test_what_is_timed_is_not_trained_and_the_reverse(tmp_path):
    with pytest.raises(ValueError, match=r"Received: 'table4', which is trained"):
        measure_cost(read_table("table4"))
    found = CliRunner().invoke(main, ["reproduce", "cost", "--dry-run"])
    assert found.exit_code == 2 and "cost is timed, not trained, so it does not take --dry-run." in found.output


def test_a_batch_larger_than_the_memory_is_an_error():
    huge = Scale(seeds=1, networks={"ResNet164": "ResNet8-basic"}, image_size=1_000_000)
    with pytest.raises(ValueError, match=r"`image_size` must be .*\. Received: 128 images of 1000000x1000000"):
        measure_cost(TABLE, scale=huge)
