"""`dia-keras predict`: the likeliest classes of images."""

import pathlib

import click

from ..figure_text import SOFTWARE
from .parameters.inputs import check_picture, read_pictures
from .parameters.options import Resize, complete_entry, json_option, labels_option, resize_option
from .terminal.console import console, examples, make_table, print_json, printable
from .terminal.errors import without_traceback


@click.command(
    short_help="Classify images.",
    epilog=examples(
        "dia-keras predict apple.png tiger.png",
        "dia-keras predict --top 10 --json apple.png",
        "dia-keras predict --model dia_resnet20_cifar10 --picture answer.png horse.png",
        "dia-keras predict --model runs/xray lung.jpeg",
    ),
)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=pathlib.Path))
@click.option(
    "--model",
    "name",
    default="dia_resnet20_cifar100",
    show_default=True,
    shell_complete=complete_entry,
    help="Zoo entry; or a repository (hf://user/repo), a run's folder, a .keras or a weights file.",
)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="Classes to show.")
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write images and answers to a PNG."
)
@labels_option
@resize_option
@json_option
@without_traceback
def predict(
    images: tuple[pathlib.Path, ...],
    name: str,
    top: int,
    picture: pathlib.Path | None,
    labels: tuple[str, ...] | None,
    resize: Resize | None,
    as_json: bool,
) -> None:
    """Classify IMAGES, of any size and format that Pillow reads.

    Those that cannot be read are reported after the answers to the others; the exit status is 1 then.
    """
    import numpy as np

    from .. import zoo
    from ..data.picture import read_picture
    from ..inference.ending import last_activation
    from ..zoo.finding import find_network

    check_picture("--picture", picture)
    network = find_network(name, labels=labels)
    size, rule = network.image_size, resize or network.resize
    depth = network.picture_channels
    paths, pictures, unreadable = read_pictures(images, lambda path: read_picture(path, *size, rule, depth))
    batch = np.stack(pictures)
    model = network.load()
    scores = _probabilities(model.predict(batch, verbose=0), last_activation(model))
    names = network.labels or tuple(map(str, range(scores.shape[-1])))
    answers = zoo.decode_predictions(scores, names, top=top)
    if picture:
        _picture(batch, answers, picture)
    if as_json:
        print_json(_records(paths, answers, unreadable))
    else:
        _show(paths, answers)
        if picture:
            console.print(f"Wrote {picture}")
    if unreadable:
        # The others are answered first.
        raise ValueError("\n".join(unreadable.values()))


def _probabilities(scores, activation: str | None):
    """Returns scores as they are where they are probabilities, and else what a softmax makes of them."""
    import keras
    import numpy as np

    if not np.isfinite(scores).all():
        raise ValueError("The network must answer with finite scores. Received: NaN or infinity; it may be damaged")
    # Of an ending that is not known, such as several heads put together, scores from 0 to 1 are probabilities.
    are_shares = activation is None and scores.min() >= 0 and scores.max() <= 1
    is_sum = activation != "linear" and scores.min() >= 0 and np.allclose(scores.sum(axis=-1), 1, atol=0.02)
    if activation == "sigmoid" or are_shares or is_sum:
        return scores
    return keras.ops.convert_to_numpy(keras.ops.softmax(scores))


def _records(paths, answers, unreadable) -> list[dict]:
    """Returns answers, and why there is none, as JSON has them."""
    records = [
        {
            "image": str(path),
            "answers": [{"label": label, "probability": probability} for label, probability in answer],
        }
        for path, answer in zip(paths, answers, strict=True)
    ]
    return records + [{"image": str(path), "error": error} for path, error in unreadable.items()]


def _show(paths, answers) -> None:
    """Shows answers as a table, a row for each class."""
    table = make_table("image", "class", "probability")
    are_unique = len({path.name for path in paths}) == len(paths)
    for path, answer in zip(paths, answers, strict=True):
        name = printable(path.name if are_unique else str(path))
        for number, (label, probability) in enumerate(answer):
            is_last = number == len(answer) - 1
            table.add_row("" if number else name, label, f"{probability:.1%}", end_section=is_last)
    console.print(table)


def _picture(batch, answers, path: pathlib.Path) -> None:
    """Writes images, each with its answers as bars, to a PNG."""
    from matplotlib.figure import Figure

    from ..figure_text import as_is
    from ..files import staged

    figure = Figure(figsize=(7, 1.5 * len(batch)), layout="constrained")
    for row, (image, answer) in zip(
        figure.subplots(len(batch), 2, squeeze=False, width_ratios=(1, 3)),
        zip(batch, answers, strict=True),
        strict=True,
    ):
        row[0].imshow(image, cmap="gray", vmin=0, vmax=255)
        row[0].axis("off")
        row[1].barh([as_is(label) for label, _ in answer], [probability for _, probability in answer])
        row[1].set_xlim(0, 1)
        row[1].invert_yaxis()
    with staged(path) as new:
        figure.savefig(new, dpi=110, format="png", metadata={"Software": SOFTWARE})
