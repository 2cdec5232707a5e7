"""Networks are timed in turns, beside their plain twins."""

import importlib
import json
import math
import sys
import types

import keras
import numpy as np
import pytest
from PIL import Image

from dia_keras import backbones, zoo
from dia_keras.benchmark import measure, show, turns
from dia_keras.benchmark.contenders import LeastAttention, MatricesAlone, candidates, plain_twin
from dia_keras.benchmark.peers import peer
from dia_keras.benchmark.runtimes import RUNTIMES
from dia_keras.benchmark.turns import Measurement, interleaved, without_zeros
from dia_keras.export import optimize
from dia_keras.inference.fused_cells import fused
from dia_keras.units import DIALSTMCell


def test_turns_are_in_changing_order_and_only_their_second_calls_after_the_first_round_count(monkeypatch):
    made, now = [], 0.0
    # Two calls a turn: the first round, and then the first call of every turn, take longest.
    seconds = {
        name: iter([90.0, 90.0, *(value for i in range(1, 20) for value in (50.0, first + i))])
        for name, first in (("a", 0), ("b", 20))
    }

    def call(name):
        nonlocal now
        made.append(name)
        now += next(seconds[name])

    monkeypatch.setattr("time.perf_counter", lambda: now)
    medians = interleaved({"a": lambda: call("a"), "b": lambda: call("b")}, runs=19)
    rounds = ["".join(made[i : i + 4]) for i in range(0, len(made), 4)]
    assert medians == {"a": 10, "b": 30} and len(rounds) == 20 and set(rounds) == {"aabb", "bbaa"}


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("dia_resnet164_cifar100", "resnet164_cifar100"),
        ("dia_se_wrn52_4_cifar10", "wrn52_4_cifar10"),
        ("dia_light_resnext101_8x32d_cifar100", "resnext101_8x32d_cifar100"),
        ("resnet20_cifar10", "resnet20_cifar10"),
    ],
)
def test_plain_twin_has_the_backbone_and_data_set_but_no_attention(name, twin):
    assert plain_twin(name) == twin


def test_every_network_is_compared_with_its_twin():
    found = candidates(["dia_resnet20_cifar10", "se_resnet164_cifar10"], as_trained=True, least=True)
    assert {name: candidate.base for name, candidate in found.items()} == {
        "resnet20_cifar10": "resnet20_cifar10",
        "resnet164_cifar10": "resnet164_cifar10",
        "dia_resnet20_cifar10": "resnet20_cifar10",
        "se_resnet164_cifar10": "resnet164_cifar10",
        "dia_resnet20_cifar10, as trained": "resnet20_cifar10",
        "se_resnet164_cifar10, as trained": "resnet164_cifar10",
        "resnet20_cifar10, least": "resnet20_cifar10",
        "resnet164_cifar10, least": "resnet164_cifar10",
        "dia_resnet20_cifar10, matrices alone": "resnet20_cifar10",
    }
    assert [name for name, candidate in found.items() if not candidate.optimize] == [n for n in found if "trained" in n]


@pytest.fixture
def keras_file(tmp_path):
    """Returns the path of a network that does not begin with a normalization."""
    layers = keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")
    keras.Sequential(layers).save(tmp_path / "mine.keras")
    return str(tmp_path / "mine.keras")


def test_networks_that_are_no_entries_have_no_forms_of_least_cost_and_no_peers(keras_file):
    found = candidates([keras_file, "dia_resnet20_cifar10"], least=True)
    assert [name for name in found if "," in name] == [
        "resnet20_cifar10, least",
        "dia_resnet20_cifar10, matrices alone",
    ]
    assert keras_file in found and peer(keras_file) is None
    with pytest.raises(ValueError, match=r"`least` must be for entries of the zoo. Received: .*mine.keras"):
        candidates([keras_file], least=True)
    with pytest.raises(ValueError, match=r"`peers` must be for a ResNet, .*Received: .*mine.keras"):
        measure([keras_file], peers=True)


@pytest.mark.tensorflow
def test_a_file_of_gray_images_without_a_normalization_is_timed(keras_file):
    (found,) = measure([keras_file], ["onnx"], runs=1)
    assert found.network == keras_file and found.milliseconds > 0


def test_matrices_alone_are_those_of_dia_lstm_for_inference():
    whole, alone = DIALSTMCell(64), MatricesAlone(64)
    whole.build((None, 64))
    rewritten, _ = fused(whole)
    sizes = [sum(map(math.prod, cell.shapes.values())) for cell in (rewritten, alone)]
    assert sizes[0] == sizes[1] > 10 * 64**2 // 4


@pytest.mark.torch
def test_matrices_alone_have_the_reduction_of_the_entry():
    """ResNet50 has another than the cell's own default."""
    found = candidates(["dia_resnet50_imagenet"], least=True)["dia_resnet50_imagenet, matrices alone"].build()
    cells = [layer for layer in found._flatten_layers() if isinstance(layer, MatricesAlone)]
    assert [cell.reduction for cell in cells] == [20] * 4


@pytest.mark.parametrize("pool_first", [False, True])
@pytest.mark.parametrize("cell", [LeastAttention, MatricesAlone])
def test_networks_of_least_cost_are_rewritten_as_those_of_dia_lstm(cell, pool_first):
    model = without_zeros(backbones.resnet(11, attention=cell, num_classes=10))
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    twin = optimize(model, pool_first)
    np.testing.assert_allclose(*(keras.ops.convert_to_numpy(each(images)) for each in (twin, model)), atol=1e-5)
    pools = [layer for layer in twin.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
    # With pooling before the last convolution the blocks' pools are layers, and the network's own always is.
    first = pool_first or cell is MatricesAlone
    assert len(pools) == (3 if first else 0) + 1


def test_no_weight_of_a_timed_network_is_zero():
    model = without_zeros(zoo.load("dia_light_resnet20_cifar10", weights=None))
    assert all(np.any(keras.ops.convert_to_numpy(weight)) for weight in model.weights)


@pytest.mark.tensorflow
@pytest.mark.parametrize("runtime", ["tflite", "tflite-cached", "onnx", "xla"])
def test_every_runtime_runs(runtime, monkeypatch):
    saved_model = importlib.import_module("dia_keras.export.saved_model.writer")
    monkeypatch.setattr(saved_model, "CONSTANTS", 0)  # variables, as large networks have
    found = measure(["dia_resnet20_cifar10"], [runtime], batch_sizes=(2,), threads=(1, 2), runs=1)
    times = 1 if runtime == "xla" else 2
    assert [each.network for each in found] == ["resnet20_cifar10", "dia_resnet20_cifar10"] * times
    assert [each.threads for each in found] == ([None] * 2 if runtime == "xla" else [1, 1, 2, 2])
    assert all(each.milliseconds > 0 and each.batch_size == 2 for each in found) and found[0].ratio == 1


@pytest.mark.tensorflow
def test_runtimes_of_one_format_share_its_files(monkeypatch):
    paths = []

    def exporter(model, path, **options):
        paths.append(path)
        return RUNTIMES["tflite-dynamic"].exporter(model, path, **options)

    for runtime in ("tflite", "tflite-cached"):
        monkeypatch.setitem(RUNTIMES, runtime, RUNTIMES[runtime]._replace(exporter=exporter))
    found = measure(["resnet20_cifar10"], ["tflite", "tflite-cached"], batch_sizes=(1, 2), runs=1)
    assert len(found) == 4 and len(paths) == len(set(paths)) == 2


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("dia_resnet164_cifar100", "diaresnet164bn_cifar100"),
        ("resnet20_cifar10", "resnet20_cifar10"),
        ("se_resnet56_cifar10", "seresnet56_cifar10"),
        ("dia_light_resnet164_cifar100", None),
        ("dia_se_resnet164_cifar100", None),
        ("wrn52_4_cifar10", None),
    ],
)
def test_peer_is_the_network_of_pytorchcv(name, function):
    known = peer(name)
    assert (known and known[1]) == function


@pytest.fixture
def pytorchcv(tmp_path, monkeypatch):
    """A stand-in for pytorchcv, which the tests do not install."""
    torch = pytest.importorskip("torch")
    for module, function in (("resnet_cifar", "resnet20_cifar10"), ("diaresnet_cifar", "diaresnet20_cifar10")):
        made = types.ModuleType(f"pytorchcv.models.{module}")
        setattr(made, function, lambda: torch.nn.Conv2d(3, 10, 3))
        monkeypatch.setitem(sys.modules, made.__name__, made)
    for name in ("pytorchcv", "pytorchcv.models"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(torch, "compile", lambda network: network)  # half a minute, and pytorchcv's affair


@pytest.mark.tensorflow
def test_peers_take_turns_with_the_first_runtime_and_have_their_own_base(pytorchcv):
    found = measure(["dia_resnet20_cifar10"], ["tflite", "onnx"], runs=1, peers=True)
    ours = ["resnet20_cifar10", "dia_resnet20_cifar10"]
    theirs = ["resnet20_cifar10 (pytorchcv)", "diaresnet20_cifar10 (pytorchcv)"]
    assert [each.network for each in found] == [*ours, *theirs, *theirs, *ours]
    assert [each.runtime for each in found] == [
        runtime for runtime in ("tflite", "torch", "torch.compile", "onnx") for _ in range(2)
    ]
    assert [each.base for each in found] == [name for name in (ours[0], theirs[0], theirs[0], ours[0]) for _ in "12"]
    assert [each.ratio for each in found[::2]] == [1] * 4


@pytest.mark.parametrize("runtimes", [["xla", "onnx"], ["onnx", "xla"]])
def test_peers_have_all_numbers_of_threads_whatever_the_order_of_the_runtimes(runtimes, monkeypatch):
    monkeypatch.setattr(turns, "find_peers", lambda names: {"peer": "dia_resnet20_cifar10"})
    monkeypatch.setattr(turns, "load_peer", lambda *arguments: None)
    monkeypatch.setattr(turns, "_exported", lambda *arguments: {"dia_resnet20_cifar10": "file"})
    monkeypatch.setattr(turns, "_peer_base", lambda *arguments: "peer")
    monkeypatch.setattr(turns, "interleaved", lambda calls, runs: dict.fromkeys(calls, 1.0))
    for name in runtimes:
        runtime = turns.RUNTIMES[name]._replace(load=lambda *arguments: None)
        monkeypatch.setitem(turns.RUNTIMES, name, runtime)
    base = candidates(["dia_resnet20_cifar10"])["dia_resnet20_cifar10"]._replace(base="dia_resnet20_cifar10")
    monkeypatch.setattr(turns, "candidates", lambda *arguments: {"dia_resnet20_cifar10": base})
    found = measure(["dia_resnet20_cifar10"], runtimes, threads=[1, 2], runs=1, peers=True)
    assert sorted((each.runtime, each.threads) for each in found if each.network == "peer") == [
        ("torch", 1),
        ("torch", 2),
        ("torch.compile", 1),
        ("torch.compile", 2),
    ]


def test_missing_peers_are_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorchcv", None)
    with pytest.raises(ImportError, match="`peers` needs pytorchcv: `pip install"):
        measure(["dia_resnet20_cifar10"], peers=True)
    with pytest.raises(ValueError, match=r"`peers` must be for a ResNet.*Received: wrn52_4_cifar10"):
        measure(["wrn52_4_cifar10"], peers=True)


def test_table_plot_and_file_show_what_was_measured(tmp_path):
    plain = Measurement("plain", "plain", "tflite", 4, 1, 2.0, 1.0, 10)
    found = [plain, Measurement("dia", "plain", "tflite", 4, 1, 2.5, 1.25, 10)]
    assert found[1].images_per_second == 1600
    assert show.table(found).row_count == 2
    show.plot(found, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.width > 500
    show.save(found, tmp_path / "found.json")
    saved = json.loads((tmp_path / "found.json").read_text())
    assert saved["measurements"][1]["ratio"] == 1.25 and "device" in saved["run"]


def test_unknown_runtime_is_an_error():
    with pytest.raises(ValueError, match=r"`runtimes` must be among 'tflite', .*Received: 'coreml'"):
        measure(["dia_resnet20_cifar10"], ["coreml"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": []}, "`names` must have one or more"),
        ({"runtimes": ()}, "`runtimes` must have one or more"),
        ({"batch_sizes": ()}, "`batch_sizes` must have one or more"),
        (
            {"names": ["resnet20_cifar10", "resnet18_imagenet"]},
            "`names` must be networks .* of one shape. Received: resnet20_cifar10 of 32x32x3, resnet18_imagenet of",
        ),
        ({"runs": 0}, "`runs` must be"),
        ({"batch_sizes": (0,)}, "`batch_sizes` must be"),
        ({"threads": (1.5,)}, "`threads` must be"),
    ],
)
def test_what_cannot_be_timed_is_an_error_before_anything_is_exported(arguments, message):
    with pytest.raises(ValueError, match=message):
        measure(**{"names": ["dia_resnet20_cifar10"], "runtimes": ["onnx"], **arguments})
