"""What attention costs a detector: one image at a time, in turns in one process.

    KERAS_BACKEND=tensorflow python benchmarks/detection.py --out benchmarks/results/detection/retinanet_50.json

The detectors of Table 8 have initial values, so that non-maximum suppression finds nothing to do: what is timed is the
backbone, the pyramid and the heads. Ratios are to the detector over the plain backbone.
"""

import functools
import pathlib

import click
import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from dia_keras.cli import without_traceback
from dia_keras.cli.parameters.inputs import parse_size
from dia_keras.detection import FasterRCNN, RetinaNet
from dia_keras.files import write_json
from dia_keras.host import describe_run
from dia_keras.timing import interleaved

DETECTORS = {"retinanet": RetinaNet, "faster-rcnn": FasterRCNN}
#: Those of Table 8; the first is the plain backbone.
ATTENTIONS = (None, "se", "eca", "sge", "dia_lstm", "dia_lstm_light")


@click.command(help=__doc__)
@click.option("--model", type=click.Choice(list(DETECTORS)), default="retinanet", show_default=True)
@click.option("--depth", type=click.Choice(["18", "34", "50", "101"]), default="50", show_default=True)
@click.option("--size", default="800x1344", show_default=True, help="Height and width of the input.")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write the figures to this JSON file, too."
)
@without_traceback
def main(model: str, depth: str, size: str, runs: int, out: pathlib.Path | None):
    image_size = parse_size(size)
    image = np.random.default_rng(0).integers(0, 256, (1, *image_size, 3), "uint8")
    calls, parameters = {}, {}
    for attention in ATTENTIONS:
        keras.utils.set_random_seed(0)
        detector = DETECTORS[model](int(depth), image_size=image_size, attention=attention)
        calls[attention] = functools.partial(detector.predict_on_batch, image)
        parameters[attention] = detector.count_params()
    seconds = interleaved(calls, runs)
    table = Table("attention", "parameters", "ms an image", "ratio")
    results = []
    for attention, median in seconds.items():
        ratio = median / seconds[None]
        table.add_row(attention or "none", f"{parameters[attention]:,}", f"{1000 * median:.0f}", f"{ratio:.3f}")
        results.append(
            {"attention": attention, "parameters": parameters[attention], "milliseconds": 1000 * median, "ratio": ratio}
        )
    Console().print(table)
    run = describe_run()
    Console().print(f"{model}, {run['backend']} on {run['device']}, median of {runs} runs", highlight=False)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        settings = {"model": model, "depth": int(depth), "image_size": list(image_size), "runs": runs}
        write_json(out, {**settings, "results": results, "run": run})


if __name__ == "__main__":
    main()
