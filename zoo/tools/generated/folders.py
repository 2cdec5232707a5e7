"""Where the records of runs lie, of which the tables are made."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
RECORDS = ROOT / "zoo" / "records"
EXPERIMENTS = RECORDS / "experiments"
BENCHMARKS = ROOT / "benchmarks" / "results"
DOCS = ROOT / "docs"
