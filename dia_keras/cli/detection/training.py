"""`dia-keras train-detector`: a detector learns the objects of your own images."""

import pathlib
from typing import Any, Literal

import click

from ..parameters.inputs import parse_change, parse_size
from ..parameters.options import minutes_option, seed_option
from ..terminal.console import console, examples, make_table
from ..terminal.errors import without_traceback
from ..terminal.stopping import complete, exit_where_interrupted


@click.command(
    "train-detector",
    short_help="Train a detector on images with boxes.",
    epilog=examples(
        "dia-keras train-detector coco128 --model retinanet --depth 18 --size 256 --epochs 100 --out runs/coco128",
        "dia-keras train-detector coco/2017 --model faster-rcnn --depth 50 --attention dia_lstm --size 800x1344 \\",
        "    --val-split validation --out runs/table8",
        "dia-keras detect --model runs/coco128 street.jpg",
    ),
)
@click.argument("source", metavar="DATA")
@click.option(
    "--model", type=click.Choice(["retinanet", "faster-rcnn"]), default="retinanet", show_default=True, help="Detector."
)
@click.option("--depth", type=click.Choice(["18", "34", "50", "101"]), default="50", show_default=True)
@click.option("--attention", help="Attention of the backbone, e.g. dia_lstm; default: none.")
@click.option("--size", default="800x1344", show_default=True, help="Height and width of the input: 256 or 512x768.")
@click.option(
    "--weights",
    "backbone_weights",
    help="Weights file of the backbone, or of the plain ResNet of its depth, or a zoo entry; default: none.",
)
@click.option("--epochs", type=click.IntRange(1), default=12, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True)
@click.option(
    "--learning-rate", type=float, help="Peak, for 16 images per batch; default: 0.01 RetinaNet, 0.02 Faster R-CNN."
)
@click.option(
    "--warmup-steps",
    type=click.IntRange(0),
    default=500,
    show_default=True,
    help="Steps in which the rate rises to its peak; a tenth of all at most.",
)
@click.option(
    "--norms",
    type=click.Choice(["trained", "frozen"]),
    help="Batch norms of the backbone; default: frozen where it has weights.",
)
@click.option("--augment/--no-augment", default=True, show_default=True, help="Flip, scale and move images at random.")
@click.option("--precision", default="float32", show_default=True, help="Dtype policy of Keras, e.g. mixed_bfloat16.")
@click.option(
    "--set",
    "options",
    multiple=True,
    metavar="ARGUMENT=VALUE",
    help="Change another argument of the detector: anchor_scale=3 or regions=128.",
)
@seed_option("initial values, order and augmentation")
@click.option("--split", default="train", show_default=True, help="Split of DATA to train on.")
@click.option("--val-split", help="Split of DATA to evaluate on at the end, by COCO's metrics.")
@click.option(
    "--on-bad",
    type=click.Choice(["stop", "drop"]),
    default="drop",
    show_default=True,
    help="Bad boxes and images: stop, or leave them out with a warning.",
)
@minutes_option
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=pathlib.Path), help="Folder of the run."
)
@without_traceback
def train_detector(
    source: str,
    depth: str,
    size: str,
    norms: str | None,
    options: tuple[str, ...],
    split: str,
    val_split: str | None,
    on_bad: Literal["stop", "drop"],
    minutes: float | None,
    out: pathlib.Path,
    **settings: Any,
) -> None:
    """Train a detector on DATA: a folder of COCO's or Pascal VOC's form, or a data set of TFDS.

    The 1x schedule: SGD, a warm-up, and a tenth of the rate after 8 and 11 twelfths of the epochs. Run the same command
    again to go on where a run stopped. The exit code is 0 when it is complete, 3 when the --minutes are over before,
    and 130 or 143 after Ctrl-C or SIGTERM.
    """
    import json

    from ...detection import DetectorSettings
    from ...detection import train_detector as train

    chosen = DetectorSettings(
        depth=int(depth),
        image_size=parse_size(size),
        freeze_norms=None if norms is None else norms == "frozen",
        options=dict(parse_change(option) for option in options),
        **settings,
    )
    with exit_where_interrupted():
        trained = train(chosen, source, out, split=split, validation=val_split, minutes=minutes, on_bad=on_bad)
    weights = complete(trained, out)
    if val_split:
        table = make_table("metric", f"{val_split} (%)", title=str(out))
        for name, value in json.loads((out / "metrics.json").read_text()).items():
            table.add_row(name, f"{100 * value:.1f}" if value >= 0 else "-")
        console.print(table)
    console.print(f"Wrote {weights}")
