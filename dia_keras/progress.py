"""A progress bar for what takes long within a command."""

import contextlib
import contextvars
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO, TypeVar

Item = TypeVar("Item")

_stream: contextvars.ContextVar[TextIO | None] = contextvars.ContextVar("stream", default=None)


@contextlib.contextmanager
def shown(stream: TextIO | None = None) -> Iterator[None]:
    """Lets `track` show its bar.

    Args:
        stream: Where to, if it is a terminal; stderr by default.
    """
    token = _stream.set(stream or sys.stderr)
    try:
        yield
    finally:
        _stream.reset(token)


def terminal() -> TextIO | None:
    """Returns the terminal that bars are shown on, `None` where there are none."""
    stream = _stream.get()
    return stream if stream is not None and stream.isatty() else None


def track(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Yields the items; on a terminal, within `shown`, with a bar, which is gone at the end.

    Args:
        items: The items.
        what: What is done, shown before the bar.
    """
    stream = terminal()
    if stream is None:
        yield from items
        return
    from rich import progress
    from rich.console import Console

    yield from progress.track(items, what, console=Console(file=stream), transient=True)
