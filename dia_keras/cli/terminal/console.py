"""The console of all commands: tables, JSON, and examples in help."""

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

# Without rich's markup, such as [old] or :cat:, since paths and names are shown as they are.
console = Console(markup=False, emoji=False)


def make_table(*columns: str, **settings: Any) -> Table:
    """Returns a table that shows every text whole: one that is too long for its column goes on in the next line."""
    return Table(*(Column(column, overflow="fold") for column in columns), **settings)


def print_json(value: Any) -> None:
    """Prints a value as JSON, for programs."""
    # Names of files need not be UTF-8; what is not has escapes that JSON knows, too.
    click.echo(json.dumps(value, indent=2, ensure_ascii=False).encode(errors="backslashreplace").decode())


def printable(name: str) -> str:
    """Returns the name of a file with escapes in place of line breaks, control characters and what is not UTF-8."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in name)


def examples(*lines: str) -> str:
    """Returns the end of a command's help: calls of the command, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
