"""The entries that have weights, and the attentions."""

import csv
import io
import tomllib
from typing import Any

from dia_keras import zoo
from dia_keras.backbones import ATTENTIONS

from .folders import RECORDS
from .markdown import row, typed


def result_rows() -> list[dict[str, Any]]:
    """Returns what is known of every entry that has weights; `None` is what is not known."""
    published = tomllib.loads((RECORDS / "published.toml").read_text())
    rows = []
    for name in zoo.list_models(pretrained=True):
        card, other = zoo.card(name), published.get(name, {})
        assert card.weights is not None and card.metrics is not None
        rows.append(
            {
                "entry": name,
                "dataset": card.dataset.name,
                "parameters": card.parameters,
                "weights_bytes": card.weights.size,
                "top1": card.metrics.top1,
                "top5": card.metrics.top5,
                "paper_top1": other.get("paper"),
                "best_published_top1": other.get("best"),
                "best_published_by": other.get("source"),
                "epochs": card.metrics.epochs,
                "epochs_before": card.metrics.details.get("epochs_before"),
                "seed": card.metrics.seed,
                "minutes": card.metrics.details["minutes"],
                "hardware": card.metrics.hardware,
                "command": typed(card.metrics.command),
            }
        )
    return rows


def readme_table() -> str:
    """Returns the table of the entries that have weights."""
    rows = result_rows()
    in_paper = ["paper"] if any(result["paper_top1"] is not None for result in rows) else []
    columns = ["entry", "parameters", "weights", "top-1 (%)", "top-5 (%)", *in_paper, "best published", "epochs"]
    text = row(*columns) + f"|---|{'--:|' * (len(columns) - 1)}\n"
    for result in rows:
        paper, best = result["paper_top1"], result["best_published_top1"]
        text += row(
            f"`{result['entry']}`",
            f"{result['parameters']:,}",
            f"{result['weights_bytes'] / 1e6:.2f} MB",
            f"{result['top1']:.2f}",
            f"{result['top5']:.2f}",
            *("" if paper is None else f"{paper:.2f}" for _ in in_paper),
            "" if best is None else f"{best:.2f} ({result['best_published_by']})",
            f"{result['epochs_before']} + {result['epochs']}" if result["epochs_before"] else str(result["epochs"]),
        )
    return text


def attentions_table() -> str:
    """Returns the table of the attentions, with what they add to ResNet164."""
    text = row("`attention=`", "what it is", "parameters for N channels", "ResNet164, per block", "shared by a stage")
    text += "|---|---|---|--:|--:|\n"
    cards = {name: zoo.card(name) for name in zoo.list_models("*resnet164_cifar100")}
    plain = cards["resnet164_cifar100"].parameters
    # By attention and whether the blocks of a stage share it; in the entries, they share every cell.
    added = {
        (arguments["attention"], name.startswith("dia_")): f"{card.parameters - plain:,}"
        for name, card in cards.items()
        if (arguments := card.architecture.arguments) and card.architecture.backbone == "resnet"
    }
    for name, attention in ATTENTIONS.items():
        text += row(
            f"`{name!r}`",
            f"[{attention.title}]({attention.paper})",
            attention.formula,
            added.get((name, False), "-"),
            added.get((name, True), "-"),
        )
    return text


def page() -> str:
    """Returns `RESULTS.md`: how every entry with weights came about, and the entries without."""
    text = (
        "# Results\n\nGenerated from the cards by `make tables`. Accuracies are those of the final weights on\n"
        "the whole test set, 10,000 images, measured through `zoo.load`, without test-time augmentation.\n"
        "[RESULTS.csv](RESULTS.csv) has the same figures for programs.\n\n"
    )
    text += readme_table() + "\n## How they were trained\n\n"
    text += "Where an entry started from earlier weights of its own, this is its last training.\n\n"
    text += row("entry", "hardware", "minutes", "seed", "command") + "|---|---|--:|--:|---|\n"
    for result in result_rows():
        minutes, seed = f"{result['minutes']:.0f}", str(result["seed"])
        text += row(f"`{result['entry']}`", result["hardware"], minutes, seed, f"`{result['command']}`")
    missing = [name for name in zoo.list_models() if zoo.card(name).weights is None]
    text += f"\n## Not trained yet\n\n{', '.join(f'`{name}`' for name in missing)}\n"
    return text


def csv_page() -> str:
    """Returns `RESULTS.csv`: the rows of `RESULTS.md` for programs."""
    rows, text = result_rows(), io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
