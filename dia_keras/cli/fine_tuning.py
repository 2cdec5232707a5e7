"""`dia-keras fine-tune`: a network learns the classes of your own images."""

import pathlib
import re
from typing import Any

import click

from .parameters.inputs import check_picture, parse_size
from .parameters.options import (
    Resize,
    complete_entry,
    data_dir_option,
    minutes_option,
    resize_option,
    seed_option,
    weights_option,
)
from .terminal.console import console, examples, make_table
from .terminal.errors import without_traceback
from .terminal.stopping import complete, exit_where_interrupted


@click.command(
    "fine-tune",
    short_help="Train a network on images of your own.",
    epilog=examples(
        "dia-keras fine-tune chest_xray --from dia_resnet20_cifar100 --size 64 --channels 1 --out runs/xray",
        "dia-keras fine-tune chest_xray --from dia_resnet20_cifar100 --group 'person\\d+|.*IM-\\d+' --rotation 10",
        "dia-keras fine-tune flowers.npz --from dia_resnet164_cifar100 --freeze 2 --epochs 20 --minutes 60",
        "dia-keras fine-tune flowers.npz --from hf://user/repo --find-learning-rate rates.png",
        "dia-keras fine-tune more_x_rays --from runs/xray --out runs/xray_2",
        "dia-keras predict --model runs/xray lung.jpeg",
    ),
)
@click.argument("source", metavar="DATA")
@click.option(
    "--from",
    "entry",
    required=True,
    shell_complete=complete_entry,
    help="Zoo entry to start from; or a repository (hf://user/repo), a run's folder, a .keras or a weights file.",
)
@weights_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    help="Folder of the run; default: runs/<entry>_<DATA's name>.",
)
@minutes_option
@click.option(
    "--find-learning-rate",
    "rates",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="Instead, find a --learning-rate: draw the loss against a rising rate into this PNG.",
)
@click.option("--freeze", type=click.IntRange(0), default=0, show_default=True, help="Stages that keep their weights.")
@click.option("--head-epochs", type=click.IntRange(0), default=2, show_default=True, help="Epochs of the head alone.")
@click.option(
    "--epochs",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Most epochs for the whole network, after the head.",
)
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Images per step.")
@click.option(
    "--learning-rate",
    type=float,
    default=0.02,
    show_default=True,
    help="Peak rate of the head, with the whole network.",
)
@click.option("--head-learning-rate", type=float, default=0.05, show_default=True, help="Rate of the head alone.")
@click.option(
    "--layer-decay",
    type=float,
    default=0.7,
    show_default=True,
    help="Factor of the rate from a stage to the one before.",
)
@click.option("--weight-decay", type=float, default=5e-4, show_default=True, help="L2 coefficient.")
@click.option(
    "--norms",
    type=click.Choice(["trained", "frozen"]),
    default="trained",
    show_default=True,
    help="Batch norms: trained, since your images have other statistics; or frozen, for batches below 16.",
)
@click.option("--balance/--no-balance", default=True, show_default=True, help="Give all classes the same weight.")
@click.option(
    "--held-out",
    type=float,
    default=0.1,
    show_default=True,
    help="Share of the training images held out, for early stopping.",
)
@click.option(
    "--group",
    metavar="PATTERN",
    help="Hold out the images of a group, e.g. a patient, together: regular expression that finds it in a file's name.",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Stop after so many epochs without a lower held-out loss.",
)
@click.option("--flip/--no-flip", default=True, show_default=True, help="Flip images left to right at random.")
@click.option("--brightness", type=float, default=0.0, show_default=True, help="Largest change, as a share of 255.")
@click.option("--contrast", type=float, default=0.0, show_default=True, help="Largest change, as a share.")
@click.option(
    "--rotation", type=float, default=0.0, show_default=True, help="Largest rotation to either side, in degrees."
)
@click.option("--zoom", type=float, default=0.0, show_default=True, help="Largest change of size, as a share.")
@click.option(
    "--label-smoothing", type=float, default=0.0, show_default=True, help="Share of a target spread over all classes."
)
@click.option("--ema", type=float, help="Average the weights: momentum a step, e.g. 0.99; default: no average.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "mixed_bfloat16"]),
    default="float32",
    show_default=True,
    help="mixed_bfloat16 takes less time and memory on GPUs and recent CPUs.",
)
@click.option("--size", help="Height and width of the images, e.g. 64 or 64x96; default: the network's.")
@click.option("--channels", type=click.IntRange(1), help="3 for RGB, 1 for gray; default: the network's.")
@seed_option("the held-out images, the new head, order and augmentation")
@data_dir_option
@resize_option
@without_traceback
def fine_tune(
    source: str,
    weights: str,
    out: pathlib.Path | None,
    size: str | None,
    channels: int | None,
    data_dir: str | None,
    resize: Resize | None,
    minutes: float | None,
    rates: pathlib.Path | None,
    **settings: Any,
) -> None:
    """Fine-tune a network on DATA: a folder of images, an .npz file, or a data set of TFDS, of any classes.

    A folder has `train` and `test`, with one folder per class in each. First the head is trained, then all that is not
    frozen, earlier stages more slowly; the weights of the best epoch on held-out images are kept. The test images are
    read once, at the end. Called again, a run goes on where it stopped. The exit code is 0 when it is complete, 3
    when the --minutes are over before, and 130 or 143 after Ctrl-C or SIGTERM.

    Give the run's folder to `predict`, `evaluate`, `export` and `benchmark`, where they take an entry.
    """
    given: dict[str, Any] = {"weights": weights, "channels": channels, "data_dir": data_dir, "resize": resize}
    if rates:
        if out or minutes:
            raise click.UsageError("`--find-learning-rate` trains nothing: it takes no `--out` and no `--minutes`.")
        find_rate(source, rates, size=size, **given, **settings)
    else:
        run(source, out, size=size, minutes=minutes, **given, **settings)


def find_rate(source: str, picture: pathlib.Path, *, size: str | None, **options: Any) -> None:
    """Finds a learning rate, and says what it is."""
    import dataclasses

    from ..training import FineTuning, find_learning_rate

    check_picture("--find-learning-rate", picture)
    names = {field.name for field in dataclasses.fields(FineTuning)}
    settings = FineTuning(**{key: value for key, value in options.items() if key in names})
    given = {key: value for key, value in options.items() if key not in names}
    rate = find_learning_rate(settings, source, picture, image_size=parse_size(size) if size else None, **given)
    console.print(f"The loss falls most steeply at --learning-rate {rate:g}. Wrote {picture}")


def run(
    source: str,
    out: pathlib.Path | None,
    *,
    size: str | None = None,
    weights: str = "pretrained",
    channels: int | None = None,
    data_dir: str | None = None,
    resize: Resize | None = None,
    minutes: float | None = None,
    **settings: Any,
) -> None:
    """Fine-tunes, and shows what was reached."""
    from ..training import FineTuning
    from ..training import fine_tune as fine_tune_network

    chosen = FineTuning(**settings)
    start = re.sub(r"\W+", "_", chosen.entry.partition("@")[0].rstrip("/")).strip("_")
    directory = out or pathlib.Path("runs", f"{start}_{pathlib.Path(source).stem}")
    with exit_where_interrupted():
        trained = fine_tune_network(
            chosen,
            source,
            directory,
            data_dir=data_dir,
            image_size=parse_size(size) if size else None,
            channels=channels,
            resize=resize,
            weights=weights,
            minutes=minutes,
        )
    result = complete(trained, directory)
    table = make_table("class", "test accuracy (%)", title=str(directory))
    rows = [*result.test["per_class"].items(), ("balanced: mean of the classes", result.test["balanced_accuracy"])]
    for name, value in [*rows, (f"all {result.test['images']} images", result.test["accuracy"])]:
        table.add_row(name, f"{100 * value:.2f}")
    console.print(table)
    console.print(f"Wrote {directory}")
