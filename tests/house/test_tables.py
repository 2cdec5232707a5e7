"""The generated tables and reports are up to date."""

import pathlib
import runpy

import pytest

ZOO = pathlib.Path(__file__).parents[2] / "zoo"
EXPERIMENTS = ZOO / "records" / "experiments"
PAGES = runpy.run_path(str(ZOO / "tools" / "tables.py"))["pages"]()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_generated_page_is_up_to_date(path):
    assert path.read_text() == PAGES[path], "run `make tables`"


def test_report_of_the_experiment_is_up_to_date_and_complete():
    experiment = runpy.run_path(str(EXPERIMENTS / "sharing.py"))
    text = experiment["report_text"]()
    assert text == (EXPERIMENTS / "SHARING.md").read_text(), "run `python zoo/records/experiments/sharing.py report`"
    assert "Not run yet" not in text
