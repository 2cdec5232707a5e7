"""Latency of exported zoo entries, side by side in one process.

    KERAS_BACKEND=tensorflow python benchmarks/inference.py resnet164_cifar100 dia_resnet164_cifar100

Every entry, with initial values, is exported as it is and, but for the first, rewritten by `export.optimize`. The files
take turns, one image at a time on one thread; milliseconds are medians, ratios are to the first entry.
"""

import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from dia_keras import export, zoo
from dia_keras.cli import without_traceback
from dia_keras.training.host import describe_run
from dia_keras.training.run import write_json


def litert(path: pathlib.Path, image: np.ndarray) -> Callable[[], None]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    return interpreter.invoke


def onnx_runtime(path: pathlib.Path, image: np.ndarray) -> Callable[[], None]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"images": image})


FORMATS = {"tflite": (export.to_tflite, litert), "onnx": (export.to_onnx, onnx_runtime)}


@click.command(help=__doc__)
@click.argument("entries", nargs=-1, required=True)
@click.option("--format", type=click.Choice(list(FORMATS)), default="tflite", show_default=True)
@click.option("--runs", default=300, show_default=True, type=click.IntRange(1))
@click.option("--out", type=click.Path(path_type=pathlib.Path), help="Write the figures to this JSON file, too.")
@without_traceback
def main(entries: tuple[str, ...], format: str, runs: int, out: pathlib.Path | None):
    exporter, runner = FORMATS[format]
    calls: dict[str, Callable[[], None]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(track(entries, "Exporting")):
            model = zoo.load(name, weights=None)
            image = np.random.default_rng(0).uniform(0, 255, (1, *model.input_shape[1:])).astype("float32")
            forms = {name: model} if number == 0 else {name: model, f"{name}, optimized": export.optimize(model)}
            for form, network in forms.items():
                path = pathlib.Path(folder, f"{len(calls)}.{format}")
                exporter(network, path)
                calls[form] = runner(path, image)
    seconds: dict[str, list[float]] = {form: [] for form in calls}
    for _ in range(runs):
        for form, call in calls.items():
            began = time.perf_counter()
            call()
            seconds[form].append(time.perf_counter() - began)
    base = statistics.median(seconds[entries[0]])
    table = Table("file", "ms", "ratio")
    for form, times in seconds.items():
        median = statistics.median(times)
        table.add_row(form, f"{1e3 * median:.2f}", f"{median / base:.3f}")
    Console().print(table)
    run = describe_run()
    Console().print(f"{format}, one image, one thread, {runs} runs each, on {run['device']}", highlight=False)
    if out:
        write_json(
            out, {"format": format, "median_seconds": {k: statistics.median(v) for k, v in seconds.items()}, "run": run}
        )


if __name__ == "__main__":
    main()
