"""Generates `zoo/RESULTS.md` and the table in `README.md` from the cards: `make tables`.

python zoo/tables.py          # write
python zoo/tables.py --check  # exit with 1 where a table is not up to date
"""

import pathlib
import sys
import tomllib

from dia_keras import zoo

HERE = pathlib.Path(__file__).resolve().parent
README = HERE.parent / "README.md"
RESULTS = HERE / "RESULTS.md"
BEGIN, END = "<!-- begin: zoo/tables.py -->", "<!-- end: zoo/tables.py -->"


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
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return {README: f"{before}{BEGIN}\n{readme_table()}{END}{after}", RESULTS: results()}


def main() -> None:
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    if "--check" in sys.argv:
        sys.exit(f"Run `make tables`: {', '.join(path.name for path in stale)}" if stale else 0)
    for path, text in stale.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
