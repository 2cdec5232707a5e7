"""Collects what `zoo/campaign.py` put out: checks it, measures the weights here, ships the entries that may ship.

    python zoo/tools/collect.py OUT1 OUT2 --data folder

The folders are the outputs of the calls. Parts are put together, and the weights of every run are measured through
`zoo.load`; an accuracy that is not the one measured on the GPU, if it was measured there, is an error. A run that has
its accuracy goes into a folder of its own under `--to`, in place of an earlier one. An entry ships when it reaches its
row's `ship` accuracy in the queue and beats the figure on its card.
"""

import json
import pathlib
import sys
import tempfile
import zipfile

import click
import file_parts
import wanted
from evaluate import check_run, ship

from dia_keras import zoo
from dia_keras.files import staged
from dia_keras.training import Evaluation
from dia_keras.training.evaluation import evaluate_entry

ZOO = pathlib.Path(__file__).resolve().parents[1]
#: By how much the accuracy, from 0 to 1, may differ between devices.
TOLERANCE = 0.002


def unpack(packed: pathlib.Path, run: pathlib.Path) -> None:
    """Writes the files of a run into a new folder."""
    run.mkdir()
    with zipfile.ZipFile(packed) as file:
        for name in file.namelist():
            (run / pathlib.PurePath(name).name).write_bytes(file.read(name))


def measure(name: str, run: pathlib.Path, data: pathlib.Path | None) -> Evaluation:
    """Returns what a run's weights have here.

    Raises:
        ValueError: Where the accuracy here is not the one that the run tells.
    """
    source = data / f"{zoo.card(name).dataset.name}.npz" if data else None
    if not (run / "result.json").exists():
        return evaluate_entry(name, run / "final.weights.h5", source)
    there = json.loads((run / "result.json").read_text())
    here = evaluate_entry(name, run / "final.weights.h5", source, images=there["images"])
    if abs(here.top1 - there["top1"]) > max(TOLERANCE, 1.5 / here.images):
        raise ValueError(f"{100 * there['top1']:.2f}% on {there['run']['device']}, but {100 * here.top1:.2f}% here")
    return here


def settle(name: str, run: pathlib.Path, here: Evaluation, ship_at: float | None, only_check: bool) -> str:
    """Ships a measured run where it may ship; returns what became of it."""
    card, result, figures = zoo.card(name), run / "result.json", f"{100 * here.top1:.2f}%"
    if result.exists():
        figures += f", as on {json.loads(result.read_text())['run']['device']}"
    try:
        check_run(name, run)
    except ValueError as error:
        return f"{figures}; not shipped: {error}"
    top1 = round(100 * here.top1, 2)
    if ship_at is None or top1 < ship_at:
        return f"{figures}; not shipped: " + (f"below {ship_at}%" if ship_at is not None else "not in the queue")
    if card.metrics and top1 <= card.metrics.top1:
        return f"{figures}; not shipped: the card has {card.metrics.top1}%"
    if only_check:
        return f"{figures}; would be shipped"
    ship(name, run, here)
    return f"{figures}; shipped"


@click.command(help=__doc__)
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path)
)
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path), help="Folder of npz files."
)
@click.option("--to", default=pathlib.Path("runs/gpu"), show_default=True, type=click.Path(path_type=pathlib.Path))
@click.option("--queue", default=ZOO / "queue.toml", type=click.Path(exists=True, path_type=pathlib.Path))
@click.option("--only-check", is_flag=True, help="Measure, and ship nothing.")
def main(folders, data, to: pathlib.Path, queue: pathlib.Path, only_check: bool):
    rows = {row.get("entry"): row for row in wanted.read(queue)}
    is_wrong = False
    to.mkdir(parents=True, exist_ok=True)
    for whole, parts in sorted(file_parts.find(folders).items()):
        name = whole.name.removesuffix(".zip")
        try:
            with tempfile.TemporaryDirectory() as temporary, staged(to / name) as run:
                file_parts.join(whole, parts, pathlib.Path(temporary, whole.name))
                unpack(pathlib.Path(temporary, whole.name), run)
                here = measure(name, run, data)
            outcome = settle(name, to / name, here, rows.get(name, {}).get("ship"), only_check)
        except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
            outcome, is_wrong = f"refused: {type(error).__name__}: {error}", True
        print(f"{name}: {outcome}")
    for folder in folders:
        if (folder / "errors.txt").exists():
            print(f"errors of the campaign: {folder / 'errors.txt'}")
    sys.exit(is_wrong)


if __name__ == "__main__":
    main()
