"""Generates `zoo/RESULTS.md` and the tables in `README.md` from the cards: `make tables`.

python zoo/tables.py          # write
python zoo/tables.py --check  # exit with 1 where a table is not up to date
"""

import pathlib
import sys
import tomllib

from dia_keras import zoo
from dia_keras.backbones import ATTENTIONS

HERE = pathlib.Path(__file__).resolve().parent
README = HERE.parent / "README.md"
RESULTS = HERE / "RESULTS.md"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def readme_table() -> str:
    """Returns the table of the entries that have weights."""
    published = tomllib.loads((HERE / "published.toml").read_text())
    text = row("entry", "parameters", "weights", "top-1 (%)", "top-5 (%)", "paper", "best published", "epochs")
    text += "|---|--:|--:|--:|--:|--:|--:|--:|\n"
    for name in zoo.list_models(pretrained=True):
        card, other = zoo.card(name), published.get(name, {})
        assert card.weights is not None and card.metrics is not None
        text += row(
            f"`{name}`",
            f"{card.parameters:,}",
            f"{card.weights.size / 1e6:.2f} MB",
            f"{card.metrics.top1:.2f}",
            f"{card.metrics.top5:.2f}",
            f"{other['paper']:.2f}" if "paper" in other else "",
            f"{other['best']:.2f} ({other['source']})" if "best" in other else "",
            str(card.metrics.epochs),
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
            attention.parameters,
            added.get((name, False), "-"),
            added.get((name, True), "-"),
        )
    return text


def results() -> str:
    """Returns `RESULTS.md`: how every entry with weights came about, and the entries without."""
    text = (
        "# Results\n\nGenerated from the cards by `make tables`. Accuracies are those of the last epoch on the whole\n"
        "test set, 10,000 images, measured on the weights that `zoo.load` gives, without test-time augmentation.\n\n"
    )
    text += readme_table() + "\n## How they were trained\n\n"
    text += row("entry", "recipe", "hardware", "minutes", "seed", "command") + "|---|---|---|--:|--:|---|\n"
    for name in zoo.list_models(pretrained=True):
        card = zoo.card(name)
        assert card.metrics is not None
        metrics = card.metrics
        minutes = f"{metrics.details['minutes']:.0f}"
        text += row(f"`{name}`", card.recipe, metrics.hardware, minutes, str(metrics.seed), f"`{metrics.command}`")
    missing = [name for name in zoo.list_models() if zoo.card(name).weights is None]
    text += f"\n## Not trained yet\n\n{', '.join(f'`{name}`' for name in missing)}\n"
    return text


def pages() -> dict[pathlib.Path, str]:
    """Returns what the generated files should hold."""
    readme = README.read_text()
    for name, table in (("results", readme_table()), ("attentions", attentions_table())):
        begin, end = f"<!-- begin: zoo/tables.py, {name} -->", f"<!-- end: {name} -->"
        before, found, rest = readme.partition(begin)
        _, closed, after = rest.partition(end)
        assert found and closed, f"{README.name} must have the lines {begin} and {end}"
        readme = f"{before}{begin}\n{table}{end}{after}"
    return {README: readme, RESULTS: results()}


def main() -> None:
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    if "--check" in sys.argv:
        sys.exit(f"Run `make tables`: {', '.join(path.name for path in stale)}" if stale else 0)
    for path, text in stale.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
