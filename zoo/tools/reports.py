"""Reports of exports, as `exports.py` writes and `tables.py` reads them.

An entry with weights has a file of its own, `NAME.json`. The entries without share one table, `untrained.csv`, which
has a row for each entry and form: what the report says, or why the form was refused, and how it was measured.
"""

import csv
import io
import json
import pathlib

from dia_keras.files import write_json, write_text

TABLE = "untrained.csv"
#: Fields of a row, and the type that each is read as; `ops` are written as "CONV_2D 19, MUL 3".
REPORT = {
    "path": str,
    "format": str,
    "quantize": str,
    "size_bytes": int,
    "seconds": float,
    "conversion_seconds": float,
    "max_difference": float,
    "images": int,
    "ops": str,
    "partitions": int,
}
REFUSED = ("format", "quantize", "reason")
RUN = ("command", "device", "python", "keras", "backend")
COLUMNS = ("entry", *REPORT, "reason", "peak_memory", *RUN, "backend_version", "environment")


def write(folder: pathlib.Path, record: dict, is_trained: bool) -> None:
    """Keeps what the exports of an entry gave, in place of what is there.

    Args:
        folder: Folder of the reports.
        record: `entry`, `exports` (reports as dicts), `refused`, `run` and, in bytes, `peak_memory`.
        is_trained: Whether it was exported with weights.
    """
    untrained = {name: other for name, other in _read_table(folder / TABLE).items() if name != record["entry"]}
    if is_trained:
        write_json(folder / f"{record['entry']}.json", record)
    else:
        untrained[record["entry"]] = record
    if untrained or (folder / TABLE).exists():
        _write_table(folder / TABLE, untrained)


def read(folder: pathlib.Path) -> list[dict]:
    """Returns the records of all entries in a folder, sorted by name."""
    records = _read_table(folder / TABLE)
    for path in folder.glob("*.json"):
        records[path.stem] = json.loads(path.read_text())
    return [records[name] for name in sorted(records)]


def _write_table(path: pathlib.Path, records: dict[str, dict]) -> None:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for name in sorted(records):
        record = records[name]
        run = record["run"]
        common = {"entry": name, "peak_memory": record.get("peak_memory"), **{key: run[key] for key in RUN}}
        common["backend_version"] = run[run["backend"]]
        common["environment"] = _joined(run.get("environment", {}))
        for report in record["exports"]:
            assert report["top1"] is None and report["model_top1"] is None, "an entry without weights has no accuracy"
            row = {key: report[key] for key in REPORT}
            writer.writerow({**common, **row, "ops": _joined(report["ops"])})
        for refused in record["refused"]:
            writer.writerow({**common, **refused})
    write_text(path, file.getvalue())


def _read_table(path: pathlib.Path) -> dict[str, dict]:
    if not path.exists():
        return {}
    records: dict[str, dict] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["entry"] not in records:
                run = {**{key: row[key] for key in RUN}, row["backend"]: row["backend_version"]}
                if row["environment"]:
                    run["environment"] = _split(row["environment"])
                records[row["entry"]] = {"entry": row["entry"], "exports": [], "refused": [], "run": run}
                if row["peak_memory"]:
                    records[row["entry"]]["peak_memory"] = int(row["peak_memory"])
            record = records[row["entry"]]
            if row["reason"]:
                record["refused"].append({key: row[key] or None for key in REFUSED})
                continue
            report = {key: read(row[key]) if row[key] else None for key, read in REPORT.items()}
            report["ops"] = {op: int(number) for op, number in _split(row["ops"]).items()}
            record["exports"].append({**report, "top1": None, "model_top1": None})
    return records


def _joined(values: dict) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _split(text: str) -> dict[str, str]:
    return dict(pair.rsplit(" ", 1) for pair in text.split(", ")) if text else {}
