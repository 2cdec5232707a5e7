"""Ctrl-C and SIGTERM: a training stops after its step, with a checkpoint."""

import contextlib
import pathlib
import signal
import threading
from collections.abc import Iterator

from .budget import WallClockBudget
from .checkpoint_files import checkpoints


class Interrupted(KeyboardInterrupt):
    """A signal stopped the training, which has a checkpoint.

    Attributes:
        code: The exit code of the signal in shells.
    """

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.code = 128 + number


@contextlib.contextmanager
def stopped_by_signals(budget: WallClockBudget) -> Iterator[list[int]]:
    """Lets the first Ctrl-C or SIGTERM stop a training as a spent budget does; the second does what it always does.

    Gives the list of the signals that came. Outside the main thread, where Python allows no handlers, nothing changes.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def stop(number, frame):
        came.append(number)
        budget.stopped = True
        signal.signal(number, earlier[number])
        print("Stopping after this step, with a checkpoint. Once more stops at once.", flush=True)

    earlier = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def how_to_resume(directory: pathlib.Path) -> str:
    """Returns what a run that is not complete goes on from."""
    newest = [saved.path for saved in checkpoints(directory)[-1:]]
    return f"Run the same command again to go on from {newest[0] if newest else 'the beginning'}."
