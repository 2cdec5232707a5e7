"""A bar of progress for what takes long within a command."""

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

_is_wanted: contextvars.ContextVar[bool] = contextvars.ContextVar("is_wanted", default=False)


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Lets `track` show its bar, on a terminal."""
    token = _is_wanted.set(True)
    try:
        yield
    finally:
        _is_wanted.reset(token)


def track(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Yields the items; on a terminal, within `shown`, with a bar on stderr, which is gone at the end.

    Args:
        items: The items.
        what: What is done, shown before the bar.
    """
    if not _is_wanted.get():
        yield from items
        return
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        yield from progress.track(items, what, console=console, transient=True)
    else:
        yield from items
