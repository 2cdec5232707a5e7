"""Tables of the paper as data: a file in `tables/` each, read into groups of rows."""

import dataclasses
import pathlib
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from ..messages import did_you_mean

#: Trainings of every row in the paper's tables.
SEEDS = 15
FOLDER = pathlib.Path(__file__).with_name("tables")
#: What a row of a file may hold; whatever else is a figure of the paper.
FIELDS = {"name", "attention", "attention_config", "attention_stages", "network", "recipe", "reference", "parameters"}


@dataclasses.dataclass(frozen=True)
class PrintedValue:
    """A value that the paper prints: the mean, and the standard deviation where it has one."""

    mean: float
    deviation: float | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table: a network, and how it is trained where that is not as the paper trains this network.

    Attributes:
        name: Name, unique within the group.
        group: The group's name: detector, if there is one, network and data set.
        detector: The paper's name of the detector on the network; `None` for a classifier.
        network: Name of the backbone, see `networks.backbone`.
        attention: Name of the attention, see `networks.ATTENTIONS`.
        data: Name of the data set, see `data_sets.DATA_SETS`.
        changes: Arguments of the backbone, in place of its own.
        recipe: Fields of the recipe, in place of the paper's for this network.
        reference: Name of the row in the group that it is compared with; `None` for a row that others refer to.
        parameters: Millions of parameters that the paper prints.
        paper: The paper's figures, by column.
    """

    name: str
    group: str
    detector: str | None
    network: str
    attention: str
    data: str
    changes: Mapping[str, Any]
    recipe: Mapping[str, Any]
    reference: str | None
    parameters: float | None
    paper: Mapping[str, PrintedValue]

    @property
    def key(self) -> str:
        """The row's name in names of files."""
        return slug(f"{self.group} {self.name}")


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the paper.

    Attributes:
        name: Name for the command, e.g. `"table4"`.
        label: Name for people, e.g. `"Table 4"`.
        title: What it shows.
        rows: The rows, group by group, in the paper's order.
        columns: The measures that it shows; the first one is what tests compare.
        notes: What the paper leaves open or contradicts, and what was chosen.
        paper_p: What the paper says of the p-values of all rows that it compares.
        curves: Whether the paper draws accuracy and loss by epoch.
        is_timed: Whether its networks are timed side by side, and not trained.
        drawing: What is drawn of its networks, see `report.drawings.DRAWINGS`; `None` for accuracies.
        seeds: Number of trainings of every row.
    """

    name: str
    label: str
    title: str
    rows: tuple[Row, ...] = ()
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    paper_p: str = ""
    curves: bool = False
    is_timed: bool = False
    drawing: str | None = None
    seeds: int = SEEDS

    @property
    def is_trained(self) -> bool:
        """Whether its networks are trained; otherwise they are timed, or drawn with initial values."""
        return not self.is_timed and self.drawing != "gradients"

    @property
    def groups(self) -> dict[str, list[Row]]:
        """The rows by group. Within a group they are compared."""
        by_group: dict[str, list[Row]] = {}
        for row in self.rows:
            by_group.setdefault(row.group, []).append(row)
        return by_group


def table_names() -> list[str]:
    """Returns the names of all tables, the measurement of costs, and all figures."""
    stems = [path.stem for path in FOLDER.glob("*.toml")]
    kinds = ("table", "cost", "figure")
    return [_name_of(stem) for kind in kinds for stem in sorted(stems) if stem.startswith(kind)]


def read_table(name: str) -> Table:
    """Returns a table.

    Args:
        name: Its name, one of `table_names()`, e.g. `"table4"`.

    Raises:
        ValueError: Where there is no table of this name.
    """
    files = {_name_of(path.stem): path for path in FOLDER.glob("*.toml")}
    if name not in files:
        hint = did_you_mean(name, files, 1)
        raise ValueError(f"`table` must be one of {', '.join(table_names())}.{hint} Received: table={name!r}")
    return parse(name, tomllib.loads(files[name].read_text(encoding="utf-8")))


def parse(name: str, fields: Mapping[str, Any]) -> Table:
    """Returns the table that a file's fields describe.

    Raises:
        ValueError: Where two rows have one name, or a row refers to none.
    """
    rows = tuple(_row(fields, group, row) for group in fields.get("groups", ()) for row in group["rows"])
    table = Table(
        name=name,
        label=fields["label"],
        title=fields["title"],
        rows=rows,
        columns=tuple(fields.get("columns", ())),
        notes=tuple(fields.get("notes", ())),
        paper_p=fields.get("paper_p", ""),
        curves=fields.get("curves", False),
        is_timed=fields.get("is_timed", False),
        drawing=fields.get("drawing"),
        seeds=fields.get("seeds", SEEDS),
    )
    if len({row.key for row in rows}) != len(rows):
        raise ValueError(f"`rows` must have different names. Received: {[row.key for row in rows]}")
    for group in table.groups.values():
        names = {row.name for row in group}
        for row in group:
            if row.reference is not None and row.reference not in names:
                raise ValueError(f"`reference` must be a row of the group. Received: reference={row.reference!r}")
    return table


def slug(text: str) -> str:
    """Returns a text as a part of a file's name: lower case, words joined by underscores."""
    return re.sub(r"[^a-z0-9.=-]+", "_", text.lower()).strip("_")


def _name_of(stem: str) -> str:
    return re.sub(r"0*(\d+)$", r"\1", stem)


def _row(table: Mapping[str, Any], group: Mapping[str, Any], row: Mapping[str, Any]) -> Row:
    reference = row.get("reference", group.get("reference", table.get("reference")))
    changes = {**table.get("network", {}), **row.get("network", {})}
    changes |= {key: row[key] for key in ("attention_config", "attention_stages") if key in row}
    return Row(
        name=row["name"],
        group=", ".join(group[key] for key in ("detector", "network", "data") if key in group),
        detector=group.get("detector"),
        network=group["network"],
        attention=row.get("attention", row["name"]),
        data=group["data"],
        changes={key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()},
        recipe={**table.get("recipe", {}), **row.get("recipe", {})},
        reference=None if reference == row["name"] else reference,
        parameters=row.get("parameters"),
        paper={key: _figure(value) for key, value in row.items() if key not in FIELDS},
    )


def _figure(value: float | list[float]) -> PrintedValue:
    return PrintedValue(*value) if isinstance(value, list) else PrintedValue(value)
