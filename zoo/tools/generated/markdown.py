"""Rows, commands and figures in Markdown."""

import re
import textwrap
from collections.abc import Sequence
from statistics import mean

#: Scripts that records name by an older path.
MOVED = {
    "zoo/evaluate.py": "zoo/tools/evaluate.py",
    "zoo/exports.py": "zoo/tools/exports.py",
    "zoo/experiments/": "zoo/records/experiments/",
}


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def typed(command: str) -> str:
    """Returns the command of a record as one types it."""
    for old, new in MOVED.items():
        command = command.replace(f" {old}", f" {new}")
    script = command.removeprefix("python ").removeprefix(".venv/bin/")
    return script if script.startswith("dia-keras ") else command


def code(commands: Sequence[str], comments: Sequence[str] = ()) -> str:
    """Returns commands as a block of code, with a comment above each that has one."""
    text = ""
    for number, command in enumerate(commands):
        comment = comments[number] if number < len(comments) else ""
        # Lines break before options, not between an option and its value.
        whole = re.sub(r" (?!-)", "\N{NO-BREAK SPACE}", typed(command))
        lines = textwrap.wrap(whole, 110, break_long_words=False, break_on_hyphens=False)
        text += f"    # {comment}\n" if comment else ""
        text += "    " + " \\\n        ".join(lines).replace("\N{NO-BREAK SPACE}", " ") + "\n"
    return text


def spread(values: Sequence[float]) -> str:
    """Returns the mean of shares in percent, with the lowest and the highest where there are several."""
    low, high, middle = (f"{100 * value:.1f}" for value in (min(values), max(values), mean(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"
