"""Generates `zoo/RESULTS.md` and `.csv`, `zoo/EXPORTS.md` and tables in other pages from the records: `make tables`."""

import pathlib
import sys

import click
from generated import detectors, exports, inference_times, results, trials, xrays
from generated.folders import BENCHMARKS, DOCS, ROOT

from dia_keras.files import write_text


def filled(path: pathlib.Path, tables: dict[str, str]) -> str:
    """Returns a page with its tables, which stand between marks, replaced."""
    page = path.read_text()
    for name, table in tables.items():
        begin, end = f"<!-- begin: zoo/tools/tables.py, {name} -->", f"<!-- end: {name} -->"
        before, opened, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        assert opened and closed, f"{path.name} must have the lines {begin} and {end}"
        page = f"{before}{begin}\n{table}{end}{after}"
    return page


def pages() -> dict[pathlib.Path, str]:
    """Returns what the generated files should hold."""
    tables = {
        ROOT / "README.md": {"results": results.readme_table(), "attentions": results.attentions_table()},
        ROOT / "export" / "README.md": {
            "quantized": exports.quantized_table(),
            "latency": inference_times.latency_table(BENCHMARKS),
            "goals": inference_times.goals_table(),
            "peers": inference_times.latency_table(BENCHMARKS / "peers"),
        },
        ROOT / "zoo" / "RECIPES.md": {
            "trials": trials.recipes_table(),
            "progressive": trials.progressive_table(),
            "resumed": trials.resumed_table(),
            "scanned": trials.scanned_table(),
        },
        DOCS / "fine_tuning.md": {"gray": trials.gray_table()},
        DOCS / "xrays" / "README.md": {"x-rays": xrays.runs_table(), "choice": xrays.choice_table()},
        DOCS / "detection.md": {"coco128": detectors.accuracy_table(), "cost": detectors.cost_table()},
    }
    return {path: filled(path, own_tables) for path, own_tables in tables.items()} | {
        ROOT / "zoo" / "RESULTS.md": results.page(),
        ROOT / "zoo" / "RESULTS.csv": results.csv_page(),
        ROOT / "zoo" / "EXPORTS.md": exports.page(),
    }


@click.command(help=__doc__)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a table is not up to date.")
def main(check: bool) -> None:
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    if check:
        sys.exit(f"Run `make tables`: {', '.join(path.name for path in stale)}" if stale else 0)
    for path, text in stale.items():
        write_text(path, text)


if __name__ == "__main__":
    main()
