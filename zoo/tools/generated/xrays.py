"""The fine-tunings on chest X-rays."""

import json
import pathlib

from .folders import DOCS
from .markdown import code, row, spread

XRAYS = DOCS / "xrays"


def runs_table() -> str:
    """Returns the table of the fine-tuned runs in `docs/xrays`, the seeds of a setting in one row, and the commands."""
    names = "accuracy (%)", "balanced (%)", "NORMAL (%)", "PNEUMONIA (%)"
    text = row("reports", "seeds", "held out", "held out, balanced (%)", *names) + f"|---|--:|---|{'--:|' * 5}\n"
    settings: dict[str, list[pathlib.Path]] = {}
    for path in sorted(XRAYS.glob("*.json")):
        settings.setdefault(path.stem.partition(".")[0], []).append(path)
    commands, comments = [], []
    for paths in settings.values():
        runs = [json.loads(path.read_text()) for path in paths]
        tests = [run["test"] for run in runs]
        columns = [
            [run["held_out"]["balanced_accuracy"] for run in runs],
            [test["accuracy"] for test in tests],
            [test["balanced_accuracy"] for test in tests],
            *zip(*(test["per_class"].values() for test in tests), strict=True),
        ]
        links = ", ".join(f"[{path.stem}]({path.name})" for path in paths)
        held_out = "patients" if runs[0]["settings"].get("group") else "images"
        text += row(links, str(len(paths)), held_out, *(spread(column) for column in columns))
        others = " and ".join(f"--seed {run['settings']['seed']}" for run in runs[1:])
        commands.append(runs[0]["command"])
        comments.append(f"{paths[0].stem}; the other seeds with {others}" if others else paths[0].stem)
    return text + f"\nMeasured on {runs[0]['device']}, by:\n\n{code(commands, comments)}"


def choice_table() -> str:
    """Returns the table of the short runs in `docs/xrays/choice`, by what is held out, the best first."""
    changes = "brightness", "contrast", "rotation", "zoom"
    names = "balanced (%)", "NORMAL (%)", "PNEUMONIA (%)", "loss"
    text = row("held out", *(f"`--{name}`" for name in changes), *names) + f"|---|{'--:|' * 8}\n"
    commands = []
    for kind in ("blocks", "series"):
        runs = [json.loads(path.read_text()) for path in (XRAYS / "choice").glob(f"{kind}_*.json")]
        runs.sort(key=lambda run: (-run["held_out"]["balanced_accuracy"], run["lowest_loss"]))
        for run in runs:
            held_out, settings = run["held_out"], run["settings"]
            values = held_out["balanced_accuracy"], *held_out["per_class"].values()
            cells = *(f"{settings[name]:g}" for name in changes), *(f"{100 * value:.1f}" for value in values)
            text += row(kind, *cells, f"{run['lowest_loss']:.3f}")
        commands.append(min((run["command"] for run in runs), key=len))
    comments = "blocks; the other rows with the options of the table", "series, in the same way"
    return text + f"\nMeasured on {runs[0]['device']}, by:\n\n{code(commands, comments)}"
