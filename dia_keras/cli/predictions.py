"""`dia-keras predict`: the likeliest classes of images."""

import pathlib

import click
from rich.table import Table

from .shared import check_folder, console, examples, without_traceback


@click.command(
    epilog=examples(
        "dia-keras predict apple.png tiger.png",
        "dia-keras predict --model dia_resnet20_cifar10 --picture answer.png horse.png",
    )
)
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@click.option("--model", "name", default="dia_resnet20_cifar100", show_default=True, help="Zoo entry.")
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="Classes to show.")
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write images and answers to a PNG."
)
@without_traceback
def predict(images: tuple[pathlib.Path, ...], name: str, top: int, picture: pathlib.Path | None) -> None:
    """Classify IMAGES, of any format that Pillow reads. Of other sizes than the model's, the scaled centre is taken."""
    import numpy as np

    from .. import zoo
    from ..data.picture import read_picture

    check_folder(picture)
    height, width = zoo.card(name).dataset.image_size
    batch = np.stack([read_picture(path, height, width) for path in images])
    answers = zoo.decode_predictions(zoo.load(name).predict(batch, verbose=0), name, top=top)
    table = Table("image", *(f"{i + 1}." for i in range(len(answers[0]))))
    for path, answer in zip(images, answers, strict=True):
        table.add_row(path.name, *(f"{label} {probability:.1%}" for label, probability in answer))
    console.print(table)
    if picture:
        _picture(batch, answers, picture)
        console.print(f"Wrote {picture}")


def _picture(batch, answers, path: pathlib.Path) -> None:
    """Writes images, each with its answers as bars, to a PNG."""
    from matplotlib.figure import Figure

    from ..files import staged

    figure = Figure(figsize=(7, 1.5 * len(batch)), layout="constrained")
    for row, (image, answer) in zip(
        figure.subplots(len(batch), 2, squeeze=False, width_ratios=(1, 3)),
        zip(batch, answers, strict=True),
        strict=True,
    ):
        row[0].imshow(image)
        row[0].axis("off")
        row[1].barh([label for label, _ in answer], [probability for _, probability in answer])
        row[1].set_xlim(0, 1)
        row[1].invert_yaxis()
    with staged(path) as new:
        figure.savefig(new, dpi=110, format="png")
