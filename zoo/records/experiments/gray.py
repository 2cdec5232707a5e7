"""What does a network for RGB images know of gray ones? On the test sets of CIFAR-10 and CIFAR-100, made gray.

    KERAS_BACKEND=tensorflow python zoo/records/experiments/gray.py dia_resnet20_cifar10 --data cifar10.npz

Measures three accuracies: of the entry on the images in color; of the entry on gray images, as three equal channels;
and of `zoo.load(entry, input_shape=(32, 32, 1))` on gray images. Nothing is trained. The result goes to the folder
`gray` beside this file, of which `make tables` makes the table in `docs/fine_tuning.md`.
"""

import pathlib

import click
import numpy as np

from dia_keras import data, zoo
from dia_keras.cli import data_options, without_traceback
from dia_keras.data import Split
from dia_keras.files import write_json
from dia_keras.host import describe_run
from dia_keras.training import evaluate

RESULTS = pathlib.Path(__file__).resolve().parent / "gray"


@click.command(help=__doc__)
@click.argument("entry")
@data_options
@without_traceback
def main(entry: str, source: str | None, data_dir: str | None):
    card = zoo.card(entry)
    color, gray = (
        data.load(source or card.dataset.name, data_dir=data_dir, channels=channels).test for channels in (3, 1)
    )
    equal = Split(np.repeat(gray.images, 3, axis=-1), gray.labels)
    height, width, _ = color.images.shape[1:]
    rgb_network, gray_network = zoo.load(entry), zoo.load(entry, input_shape=(height, width, 1))
    measured = {
        "color": (rgb_network, color),
        "three_channels": (rgb_network, equal),
        "one_channel": (gray_network, gray),
    }
    top1 = {name: evaluate(model, split, card.labels).top1 for name, (model, split) in measured.items()}
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / f"{entry}.json", {"entry": entry, "images": len(gray.labels), "top1": top1, **describe_run()})


if __name__ == "__main__":
    main()
