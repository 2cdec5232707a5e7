"""The generated tables are up to date."""

import pathlib
import runpy

import pytest

ZOO = pathlib.Path(__file__).parents[2] / "zoo"
PAGES = runpy.run_path(str(ZOO / "tables.py"))["pages"]()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_generated_page_is_up_to_date(path):
    assert path.read_text() == PAGES[path], "run `make tables`"
