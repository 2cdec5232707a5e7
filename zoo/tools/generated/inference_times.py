"""The benchmarks of inference, beside their goals."""

import json
import pathlib

from .folders import BENCHMARKS
from .markdown import code, row

#: Images a call for which the goals are, by runtime; one for the others.
BATCH_SIZES = {"xla": 128}
#: The ratios to the plain net that are wanted of a network and what is a lower bound for it, by runtime.
GOALS = {
    ("dia_resnet164_cifar100", "dia_resnet164_cifar100, matrices alone"): {
        "tflite": 1.12,
        "tflite-cached": 1.12,
        "onnx": 1.15,
        "xla": 1.06,
    },
    ("dia_light_resnet164_cifar100", "resnet164_cifar100, least"): {
        "tflite": 1.05,
        "tflite-cached": 1.05,
        "onnx": 1.08,
        "xla": 1.03,
    },
}


def latency_table(folder: pathlib.Path) -> str:
    """Returns the table of the committed benchmarks in a folder, a column for each runtime and batch size."""
    times: dict[str, dict[str, str]] = {}
    commands, devices = [], []
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        commands.append(record["run"]["command"])
        devices.append(record["run"]["device"])
        for measurement in record["measurements"]:
            column = f"{measurement['runtime']}, batch {measurement['batch_size']}"
            times.setdefault(measurement["network"], {})[column] = (
                f"{measurement['milliseconds']:.2f} ms ({measurement['ratio']:.2f})"
            )
    columns = list(dict.fromkeys(column for cells in times.values() for column in cells))
    text = row("network", *columns) + f"|---|{'--:|' * len(columns)}\n"
    for network, cells in times.items():
        text += row(network, *(cells.get(column, "") for column in columns))
    return text + f"\nMeasured by these commands, on the machine that stands above each:\n\n{code(commands, devices)}"


def goals_table() -> str:
    """Returns the table of the goals for inference, with their lower bounds, from the committed benchmarks."""
    ratios: dict[tuple[str, str], float] = {}
    for path in sorted(BENCHMARKS.glob("*.json")):
        for measurement in json.loads(path.read_text())["measurements"]:
            if measurement["batch_size"] == BATCH_SIZES.get(measurement["runtime"], 1):
                ratios[measurement["network"], measurement["runtime"]] = measurement["ratio"]
    text = row("network", "runtime", "goal", "lower bound", "measured") + "|---|---|--:|--:|--:|\n"
    for (network, bound), goals in GOALS.items():
        for runtime, goal in goals.items():
            at_least = f"{ratios[bound, runtime]:.2f} ({bound.rpartition(', ')[2]})"
            text += row(network, runtime, f"{goal:.2f}", at_least, f"{ratios[network, runtime]:.2f}")
    return text
