"""Faults of a data set: the first one is an error, or all are left out and counted."""

import warnings
from typing import Literal, NoReturn, get_args

OnBad = Literal["stop", "drop"]


class Faults:
    """The faults that were found in a data set.

    Attributes:
        counts: Number of faults by kind, such as `{"boxes of zero size": 2}`.
    """

    def __init__(self, source: str, on_bad: OnBad):
        """Creates an empty count.

        Args:
            source: Name of the data set, for the summary.
            on_bad: `"stop"` raises at the first fault, `"drop"` counts it.

        Raises:
            ValueError: On another `on_bad`.
        """
        if on_bad not in get_args(OnBad):
            raise ValueError(f"`on_bad` must be 'stop' or 'drop'. Received: on_bad={on_bad!r}")
        self._source = source
        self._on_bad = on_bad
        self.counts: dict[str, int] = {}

    def add(self, kind: str, problem: str, received: str) -> None:
        """Counts a fault whose image or box is left out.

        Args:
            kind: What such faults are called in the summary, in the plural.
            problem: The file, the image and what is wrong with it, without a full stop.
            received: The value that is wrong.

        Raises:
            ValueError: Where the first fault is to stop.
        """
        if self._on_bad == "stop":
            raise ValueError(f'{problem}. Repair it, or leave out what is bad by on_bad="drop". Received: {received}')
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def warn(self) -> None:
        """Warns once of all that was left out, if anything was."""
        if self.counts:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
            warnings.warn(f"Left out of {self._source}: {kinds}.", stacklevel=3)


def refuse(problem: str, received: str) -> NoReturn:
    """Raises a `ValueError` for a file that cannot be used at all.

    Args:
        problem: The file and what is wrong with it, without a full stop.
        received: The value that is wrong.
    """
    raise ValueError(f"{problem}. Received: {received}")
