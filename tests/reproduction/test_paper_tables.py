"""The paper's tables: their files agree with the paper, and each of them runs."""

import inspect
import json
import math
import pathlib
import re
import shlex

import pytest
from scipy.stats import ttest_ind_from_stats

from dia_keras.backbones import resnet
from dia_keras.backbones.attention import Attention
from dia_keras.cli import main
from dia_keras.reproduction import Scale, read_table, reproduce, table_names
from dia_keras.reproduction.networks import RECIPES, attention, backbone, blocks, recipe
from dia_keras.reproduction.run_directory import RunDirectory, jobs
from dia_keras.reproduction.table import parse
from dia_keras.reproduction.trainings import classifier, training_of
from dia_keras.training import load_recipe
from dia_keras.zoo.loading import BACKBONES

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "reproduction"
TABLES = {name: read_table(name) for name in table_names()}
CAN_RUN = [name for name, table in TABLES.items() if table.is_trained]
SMALL = "ResNet8-basic"
ROWS = {
    **{"table3": 84, "table4": 60, "table6": 20, "table7": 24, "table8": 24, "table9": 4, "table10": 4, "table11": 8},
    **{
        "table12": 5,
        "table13": 4,
        "table14": 12,
        "table15": 6,
        "figure6": 3,
        "figure7": 2,
        "figure10": 4,
        "figure11": 2,
    },
}
SETTINGS = {}
CLASSIFIERS = [name for name in CAN_RUN if name != "table8"]  # `test_detectors.py` has that one
for _name in CLASSIFIERS:
    for _row in TABLES[_name].rows:
        _settings = {**attention(_row.attention, _row.network), **_row.changes}
        SETTINGS.setdefault(repr(_settings), _settings)


def test_tables_and_figures_are_in_the_papers_order():
    assert table_names() == [
        *[f"table{number}" for number in (3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)],
        "cost",
        *[f"figure{number}" for number in (6, 7, 9, 10, 11)],
    ]
    assert {name: len(TABLES[name].rows) for name in CAN_RUN} == ROWS
    assert all(table.is_timed or table.columns or table.drawing for table in TABLES.values())


@pytest.mark.parametrize(
    ("table", "key", "column", "expected"),
    [
        ("table3", "resnet164_cifar100_srm_dia", "top1", (74.69, 0.64)),
        ("table4", "resnext101_8x32_cifar100_dia-lstm", "top1", (82.60, 0.19)),
        ("table4", "wrn52-4_cifar10_dia-lstm_light", "top1", (96.09, 0.13)),
        ("table6", "resnet164_stl10_sem", "top1", (85.09, 0.72)),
        ("table7", "resnet34_mini_imagenet_dia-lstm", "top1", (79.84, 0.09)),
        ("table8", "faster_r-cnn_resnet101_coco_dia-lstm_light", "AP", (41.8, None)),
        ("table8", "retinanet_resnet50_coco_eca", "APm", (41.5, None)),
        ("table8", "retinanet_resnet101_coco_dia-lstm", "APl", (51.8, None)),
        ("table9", "resnet50_chest_xray_dia-lstm", "NORMAL", (71.1, None)),
        ("table11", "resnet407_cifar100_dia-lstm", "top1", (78.08, None)),
        ("table15", "resnet164_cifar100_org", "top1", (61.42, None)),
    ],
)
def test_figures_of_the_paper(table, key, column, expected):
    row = next(row for row in TABLES[table].rows if row.key == key)
    assert (row.paper[column].mean, row.paper[column].deviation) == expected


def test_what_explodes_in_the_paper_is_nan():
    found = {row.key: row.paper["top1"].mean for row in TABLES["table14"].rows}
    assert [key for key, value in found.items() if not math.isnan(value)] == [
        f"resnet{depth}_cifar100_dia-lstm" for depth in (83, 164, 245)
    ]


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.paper_p])
def test_a_note_names_the_differences_that_the_papers_own_figures_do_not_support(name):
    """By Student's t of the printed means and deviations of 15 trainings."""
    titles = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "stl10": ""}
    note = next((note for note in TABLES[name].notes if "do not give p < 0.05" in note), "")
    named = 0
    for group in TABLES[name].groups.values():
        figures = {row.name: row.paper[TABLES[name].columns[0]] for row in group}
        for row in group:
            if row.reference is None or math.isnan(figures[row.name].mean):
                continue
            mine, other = figures[row.name], figures[row.reference]
            if mine.deviation is None or other.deviation is None:
                continue
            p = ttest_ind_from_stats(mine.mean, mine.deviation, 15, other.mean, other.deviation, 15).pvalue
            if p >= 0.05:
                named += 1
                assert row.name in note and row.network in note and titles[row.data] in note, (row.key, p)
    assert named == {"table3": 5, "table4": 6, "table6": 6}.get(name, 0)


@pytest.mark.parametrize("record", sorted((DOCS / "results").glob("*/scale.json")), ids=lambda path: path.parent.name)
def test_committed_results_are_of_the_tables_as_they_are(record):
    """Those of recipes that had fewer fields, too."""
    fields = json.loads(record.read_text())
    table, folder = read_table(fields.pop("table")), RunDirectory(record.parent)
    scale = Scale(seeds=3, **fields)
    folder.check(table, scale)
    found = [folder.read(job, scale) for job in jobs(table.rows, scale)]
    assert 0 < len(list(folder.results.iterdir())) == sum(each is not None for each in found)


def test_every_row_but_the_references_is_compared_with_one_of_its_group():
    for name in CAN_RUN:
        for group in TABLES[name].groups.values():
            assert any(row.reference for row in group)
            assert {row.reference for row in group} - {None} <= {row.name for row in group if row.reference is None}


def test_recipes_are_those_of_the_zoo():
    folder = pathlib.Path(__file__).parents[2] / "zoo" / "recipes"
    networks = {"paper_resnet": "ResNet164", "paper_wrn": "WRN52-4", "paper_resnext": "ResNeXt101,8x32"}
    assert len(networks) == len(RECIPES)
    for file, network in networks.items():
        theirs = load_recipe(folder / f"{file}.py")
        assert theirs.replace(**recipe(network)) == theirs


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_network_takes_the_settings_of_each_row(settings):
    own = dict(settings)
    name, config, shared, stages = (
        own.pop(key, None) for key in ("attention", "attention_config", "shared", "attention_stages")
    )
    assert Attention(name, config, {}, shared, stages, 3).stage(1, 64)("stage1_block1")
    assert own.keys() <= inspect.signature(resnet).parameters.keys()


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of the state, in stages of one block
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_table_runs(name, sources, tmp_path, monkeypatch):
    """Its last row, with everything that the table changes; other rows differ in the network alone."""
    steps = {"epochs": 1, "batch_size": 2, "images": 4}
    monkeypatch.setattr(classifier, "smoke", lambda recipe: recipe.replace(**steps))
    row = TABLES[name].rows[-1]
    scale = Scale(seeds=1, networks={row.network: SMALL}, image_size=8, is_smoke=True)
    progress = reproduce(TABLES[name], tmp_path, scale=scale, sources=sources, rows=[row.key])
    assert (progress.all, progress.complete) == (1, 1)


def test_the_scale_of_a_training():
    row = next(row for row in TABLES["table15"].rows if row.name == "DIA-LSTM")
    full = training_of(row, 3, Scale())
    assert (full.backbone, full.arguments) == (
        "resnet",
        {"depth": 164, "block": "bottleneck", "attention": "dia_lstm"},
    )
    assert (full.recipe.epochs, full.recipe.milestones, full.recipe.seed) == (164, (81, 122), 3)
    assert (full.recipe.pad, full.recipe.flip, full.recipe.weight_decay) == (0, False, 1e-4)
    scale = Scale(epochs=20, networks={"ResNet164": "ResNet20-basic"}, recipe={"batch_size": 64})
    small = training_of(row, 3, scale)
    assert small.arguments == {"depth": 20, "block": "basic", "attention": "dia_lstm"}
    assert (small.recipe.epochs, small.recipe.milestones, small.recipe.batch_size) == (20, (10, 15), 64)
    assert str(scale) == "ResNet164 is ResNet20-basic; 20 epochs; batch_size 64" and str(Scale()) == "the paper's"


def test_the_dropout_of_a_scale_is_that_of_the_network():
    rows = {row.network: row for row in TABLES["table4"].rows}
    without = training_of(rows["WRN52-4"], 0, Scale(recipe={"dropout": 0.0}))
    assert without.arguments["dropout"] == 0.0 and without.recipe.dropout == 0.0
    assert "dropout" not in training_of(rows["WRN52-4"], 0, Scale()).arguments  # the backbone's own, 0.3
    with pytest.raises(
        ValueError, match=r"`dropout` is for networks whose backbone has one: .* of ResNet164, a resnet"
    ):
        training_of(rows["ResNet164"], 0, Scale(recipe={"dropout": 0.0}))


def test_the_first_epochs_of_a_longer_training_keep_its_rate():
    recipe = training_of(TABLES["figure11"].rows[0], 0, Scale(epochs=10)).recipe
    assert recipe.epochs == 10 and min(recipe.milestones) > 10


SMALL_RUNS = re.findall(r"`(dia-keras reproduce [^`]*)`", (DOCS / "small.md").read_text())


@pytest.mark.parametrize("command", SMALL_RUNS, ids=lambda command: command.split()[2])
def test_the_small_runs_of_the_docs_fit_their_tables(command):
    _, _, *arguments = shlex.split(command)
    given = main.commands["reproduce"].make_context("reproduce", arguments).params
    table = TABLES[given["table"]]
    networks = dict(each.split("=") for each in given["network"])
    scale = Scale(given["seeds"] or 15, given["epochs"], networks)
    scale.check(table)
    assert set(networks) == {row.network for row in table.rows} or given["table"] in ("table7", "figure9")
    for row in table.rows:
        function, arguments = backbone(networks.get(row.network, row.network))
        assert row.detector is None or given["image_size"]
        block = {"resnet": {"block": "bottleneck"}}.get(function, {})
        inspect.signature(BACKBONES[function]).bind(**{**block, **arguments})
        assert training_of(row, 0, scale).epochs == (given["epochs"] or 164)


def test_every_table_has_a_small_run_in_the_docs():
    assert [command.split()[2] for command in SMALL_RUNS] == list(TABLES)


def test_names_of_networks():
    assert backbone("ResNet50") == ("imagenet_resnet", {"depth": 50})
    assert backbone("ResNeXt101,8x32") == ("resnext", {"depth": 101, "cardinality": 8, "group_width": 32})
    with pytest.raises(ValueError, match="`network` must have the form"):
        backbone("VGG16")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"seeds": 0}, "`seeds`"),
        ({"networks": {"ResNet164": "VGG"}}, "`network` must have the form"),
    ],
)
def test_wrong_scales(arguments, error):
    with pytest.raises(ValueError, match=error):
        Scale(**arguments)


@pytest.mark.parametrize("name", ["lr", "seed", "teachers"])
@pytest.mark.parametrize(
    ("table", "own"), [("table3", "a recipe, batch_size, "), ("table8", "a detector's settings, ")]
)
def test_a_scale_changes_what_a_training_has(name, table, own):
    with pytest.raises(ValueError, match=rf"`changes` must be fields of {own}.*\. Received: {name}$"):
        training_of(TABLES[table].rows[0], 0, Scale(recipe={"batch_size": 2, name: 1}))


@pytest.mark.parametrize("networks", [{"ResNet50": SMALL}, {"ResNet83": SMALL, "ResNet164": SMALL}])
def test_a_scale_fits_its_table(networks):
    with pytest.raises(ValueError, match="`network` must"):
        Scale(networks=networks).check(TABLES["table3"])


@pytest.mark.parametrize(
    ("network", "ratio"), [("ResNet83", 16), ("ResNet50", 16), ("ResNet20-basic", 4), ("ResNet18", 4), ("WRN16-1", 4)]
)
def test_the_papers_r_of_se_counts_from_the_inner_width_of_a_block(network, ratio):
    row = next(row for row in TABLES["table3"].rows if row.name == "SE (r=4), DIA")
    arguments = training_of(row, 0, Scale(networks={row.network: network})).arguments
    assert arguments["attention_config"] == {"ratio": ratio} and arguments["shared"]


@pytest.mark.parametrize(
    ("table", "networks", "error"),
    [
        ("table13", {"ResNet164": "ResNet18"}, "must have 3 stages, since 'stage 1' has attention in some"),
        ("table14", {"ResNet83": "WRN16-1"}, "must take what 'Org' changes, normalize"),
        ("table14", {"ResNet83": "ResNet18"}, "must take what 'Org' changes, normalize"),
    ],
)
def test_a_network_has_what_the_rows_change(table, networks, error):
    with pytest.raises(ValueError, match=error):
        Scale(networks=networks).check(TABLES[table])


@pytest.mark.parametrize("name", ["ResNet21", "ResNet21-basic", "WRN17-1", "ResNeXt30,8x4", "ResNet2", "WRN4-1"])
def test_a_network_has_a_depth_of_whole_blocks(name):
    with pytest.raises(ValueError, match=rf"`network` must have a depth of \d n \+ \d.*Received: network='{name}'"):
        backbone(name)


def test_networks_of_one_block_a_stage_are_refused_since_nothing_is_shared_in_them():
    names = (
        "ResNet11",
        "ResNet20",
        "ResNet8-basic",
        "ResNet14-basic",
        "WRN10-1",
        "WRN16-1",
        "ResNeXt11,8x4",
        "ResNet18",
    )
    assert [blocks(name) for name in names] == [1, 2, 1, 2, 1, 2, 1, 2]
    scale = Scale(networks={"ResNet83": "ResNet11", "ResNet164": "ResNet20"})
    with pytest.raises(ValueError, match=r"two blocks a stage or more.*Received: ResNet11$"):
        scale.check(TABLES["table3"])
    Scale(networks=scale.networks, is_smoke=True).check(TABLES["table3"])


def test_wrong_tables():
    with pytest.raises(ValueError, match=r"Did you mean 'table4'\? Received: table='tabl4'"):
        read_table("tabl4")
    group = {"network": "ResNet20", "data": "cifar10"}
    for rows, error in (
        ([{"name": "SE"}, {"name": "SE"}], "different names"),
        ([{"name": "SE", "reference": "Org"}], "`reference` must be a row"),
    ):
        with pytest.raises(ValueError, match=error):
            parse("x", {"label": "X", "title": "x", "groups": [{**group, "rows": rows}]})
