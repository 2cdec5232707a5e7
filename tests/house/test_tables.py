"""The generated tables and reports are up to date."""

import csv
import pathlib
import runpy

import pytest

ZOO = pathlib.Path(__file__).parents[2] / "zoo"
EXPERIMENTS = ZOO / "records" / "experiments"
PAGES = runpy.run_path(str(ZOO / "tools" / "tables.py"))["pages"]()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_generated_page_is_up_to_date(path):
    assert path.read_text() == PAGES[path], "run `make tables`"


def test_results_for_programs_are_those_of_the_page():
    with (ZOO / "RESULTS.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    page = (ZOO / "RESULTS.md").read_text()
    assert len(rows) == page.count(" MB | ")
    for row in rows:
        assert f"| `{row['entry']}` | {int(row['parameters']):,} | " in page
        assert f"| {float(row['top1']):.2f} | {float(row['top5']):.2f} | " in page and f"| `{row['command']}` |" in page


def test_report_of_the_experiment_is_up_to_date_and_complete():
    experiment = runpy.run_path(str(EXPERIMENTS / "sharing.py"))
    text = experiment["report_text"]()
    assert text == (EXPERIMENTS / "SHARING.md").read_text(), "run `python zoo/records/experiments/sharing.py report`"
    assert "Not run yet" not in text
