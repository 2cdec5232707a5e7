"""The table of the entries, `entries.toml`, as one record an entry."""

import copy
import functools
import pathlib
import tomllib
from collections.abc import Iterator
from typing import Any

ENTRIES = pathlib.Path(__file__).with_name("entries.toml")


def names() -> list[str]:
    """Returns the names of all entries in the table."""
    return list(_read(ENTRIES))


def row(name: str) -> dict[str, Any]:
    """Returns what a card file of an entry in the table would hold before the training."""
    return copy.deepcopy(_read(ENTRIES)[name])


@functools.cache
def _read(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    return dict(_rows(tomllib.loads(path.read_text(encoding="utf-8"))))


def _rows(table: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for dataset, counts in table["parameters"].items():
        rule = {"resize": counts["resize"]} if "resize" in counts else {}
        for prefix, attention in table["attentions"].items():
            if prefix not in counts:
                continue
            for column, parameters in zip(counts["backbones"], counts[prefix], strict=True):
                if parameters:
                    backbone = table["backbones"][column]
                    shared = {"shared": True} if attention.get("shared") else {}
                    yield (
                        f"{column}_{dataset}" if prefix == "plain" else f"{prefix}_{column}_{dataset}",
                        {
                            "architecture": {
                                "backbone": backbone["function"],
                                "arguments": {
                                    **backbone["arguments"],
                                    "attention": attention.get("attention"),
                                    **shared,
                                },
                            },
                            "parameters": parameters,
                            "dataset": dataset,
                            "recipe": backbone["recipe"],
                            "license": table["license"],
                            "paper": table["papers"][attention.get("paper", backbone["paper"])],
                            **rule,
                        },
                    )
