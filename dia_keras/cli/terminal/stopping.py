"""Exit codes and messages of commands whose training is not complete."""

import contextlib
import pathlib
import sys
from collections.abc import Iterator
from typing import TypeVar

from .console import console

#: Exit code of a training whose budget is spent.
BUDGET_SPENT = 3

Result = TypeVar("Result")


@contextlib.contextmanager
def exit_where_interrupted() -> Iterator[None]:
    """Says how a training goes on that Ctrl-C or SIGTERM stopped, and exits with 130 or 143."""
    from ...training.runs.interruption import Interrupted

    try:
        yield
    except Interrupted as stop:
        console.print(str(stop))
        sys.exit(stop.code)
    except KeyboardInterrupt:  # a second one, which does not wait for a checkpoint
        sys.exit(130)


def complete(result: Result | None, directory: pathlib.Path) -> Result:
    """Returns what a training gives. Where its budget is spent, says how it goes on, and exits with 3."""
    from ...training.runs.interruption import how_to_resume

    if result is None:
        console.print(f"The budget is spent. {how_to_resume(directory)}")
        sys.exit(BUDGET_SPENT)
    return result
