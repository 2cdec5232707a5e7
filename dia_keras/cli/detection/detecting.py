"""`dia-keras detect`: the objects in images."""

import pathlib
from typing import TYPE_CHECKING

import click

from ...figure_text import SOFTWARE
from ..parameters.inputs import check_picture, read_pictures
from ..parameters.options import json_option
from ..terminal.console import console, examples, make_table, print_json, printable
from ..terminal.errors import without_traceback

if TYPE_CHECKING:
    from ...detection.evaluation import Detections


@click.command(
    short_help="Find objects in images.",
    epilog=examples(
        "dia-keras detect --model runs/retinanet street.jpg",
        "dia-keras detect --model runs/retinanet --picture answer.png street.jpg harbor.jpg",
        "dia-keras detect --model detector.keras --threshold 0.5 --json street.jpg",
    ),
)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=pathlib.Path))
@click.option("--model", "name", required=True, help="Folder of a detector's run, or .keras file of a saved detector.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Least score of what is shown."
)
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="Write the images with boxes, labels and scores to a PNG.",
)
@json_option
@without_traceback
def detect(
    images: tuple[pathlib.Path, ...], name: str, threshold: float, picture: pathlib.Path | None, as_json: bool
) -> None:
    """Find objects in IMAGES, of any size and format that Pillow reads.

    Boxes are in pixels of the image: left, top, right, bottom. Images that cannot be read are reported after the
    answers to the others; the exit status is 1 then.
    """
    from PIL.PngImagePlugin import PngInfo

    from ... import detection
    from ...data.picture import read_picture
    from ...detection.evaluation import detect as find_objects
    from ...detection.pictures import draw, sheet
    from ...files import staged

    check_picture("--picture", picture)
    detector = detection.find_detector(name)
    paths, pictures, unreadable = read_pictures(images, read_picture)
    answers = find_objects(detector.load(), pictures, threshold, image_size=detector.image_size)
    answered = list(zip(paths, answers, strict=True))
    labels = detector.labels or ()
    if picture:
        drawn = [draw(image, answer, labels, threshold) for image, answer in zip(pictures, answers, strict=True)]
        with staged(picture) as new:
            mark = PngInfo()
            mark.add_text("Software", SOFTWARE)
            sheet(drawn).save(new, format="PNG", pnginfo=mark)
    if as_json:
        print_json(_records(answered, labels, unreadable))
    else:
        _show(answered, labels)
        if picture:
            console.print(f"Wrote {picture}")
    if unreadable:
        # The others are answered first.
        raise ValueError("\n".join(unreadable.values()))


def _label(number: int, labels: tuple[str, ...]) -> str:
    """Returns the name of a class; its number where it has none."""
    return labels[number] if number < len(labels) else str(number)


def _records(
    answered: "list[tuple[pathlib.Path, Detections]]", labels: tuple[str, ...], unreadable: dict[pathlib.Path, str]
) -> list[dict]:
    """Returns answers, and why there is none, as JSON has them."""
    answers = [
        {
            "image": str(path),
            "detections": [
                {"label": _label(number, labels), "score": score, "box": [round(edge, 2) for edge in box]}
                for box, number, score in zip(*(array.tolist() for array in detections), strict=True)
            ],
        }
        for path, detections in answered
    ]
    return answers + [{"image": str(path), "error": error} for path, error in unreadable.items()]


def _show(answered: "list[tuple[pathlib.Path, Detections]]", labels: tuple[str, ...]) -> None:
    """Shows answers as a table, a row for each object."""
    table = make_table("image", "class", "score", "box (left, top, right, bottom)")
    for path, detections in answered:
        rows = list(zip(*(array.tolist() for array in detections), strict=True))
        for place, (box, number, score) in enumerate(rows):
            edges = ", ".join(f"{edge:.0f}" for edge in box)
            is_last = place == len(rows) - 1
            shown = "" if place else printable(path.name)
            table.add_row(shown, _label(number, labels), f"{score:.2f}", edges, end_section=is_last)
        if not rows:
            table.add_row(printable(path.name), "nothing found", "", "", end_section=True)
    console.print(table)
