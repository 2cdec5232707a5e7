"""`dia-keras card`: all that is known of an entry."""

import dataclasses
from typing import Any

import click

from .parameters.options import complete_entry, json_option
from .terminal.console import console, examples, make_table, print_json
from .terminal.errors import without_traceback


@click.command(
    short_help="Show all that is known of an entry.",
    epilog=examples("dia-keras card dia_resnet20_cifar100", "dia-keras card dia_resnet20_cifar100 --json"),
)
@click.argument("name", shell_complete=complete_entry)
@json_option
@without_traceback
def card(name: str, as_json: bool) -> None:
    """Show the card of the entry NAME: architecture, data, recipe, figures, license."""
    from .. import zoo

    entry = zoo.card(name)
    if as_json:
        print_json(dataclasses.asdict(entry))
        return
    table = make_table("field", "value", show_header=False, title=name)
    for key, value in _flatten(entry):
        table.add_row(key, value)
    console.print(table)


def _flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Returns the fields of nested dataclasses and dicts as dotted names and texts."""
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return [row for key, item in value.items() for row in _flatten(item, f"{prefix}.{key}" if prefix else str(key))]
    if isinstance(value, (tuple, list)):
        text = ", ".join(map(str, value))
        return [(prefix, text if len(value) <= 12 else f"{len(value)}: {', '.join(map(str, value[:6]))}, ...")]
    return [] if value is None else [(prefix, str(value))]
