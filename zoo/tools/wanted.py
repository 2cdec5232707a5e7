"""Reading `zoo/queue.toml`, the entries that are wanted. Standard library and click only, as `zoo/campaign.py`."""

import pathlib
import tomllib

import click


def read(queue: pathlib.Path) -> list[dict]:
    """Returns the rows of a queue, most wanted first.

    What a row says is not checked here: a wrong row must not keep the others from being trained.

    Raises:
        click.UsageError: If the file is not a queue.
    """
    try:
        rows = tomllib.loads(queue.read_text()).get("wanted")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.UsageError(f"{queue} must be a TOML file. Received: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise click.UsageError(f"{queue} must have its rows under [[wanted]], in double brackets. Received: {rows!r}")
    return rows
