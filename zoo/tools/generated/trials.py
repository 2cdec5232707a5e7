"""The experiments in `zoo/records/experiments`."""

import json
from statistics import mean
from typing import Any

from .folders import EXPERIMENTS
from .markdown import row, spread, typed


def recipes_table() -> str:
    """Returns the table of the trials of `experiments/recipes.py`, the best on held-out images first."""
    trials = [json.loads(path.read_text()) for path in (EXPERIMENTS / "recipes").glob("*.json")]
    trials.sort(key=lambda trial: -trial["top1"])
    text = row("changed", "top-1 (%) on held-out images", "top-1 (%) in training")
    text += "|---|--:|--:|\n"
    for trial in trials:
        text += row(
            ", ".join(f"`{key}={value!r}`" for key, value in trial["changes"].items()) or "nothing",
            f"{100 * trial['top1']:.2f}",
            f"{100 * trial['log'][-1]['accuracy']:.2f}",
        )
    devices = ", ".join(sorted({trial["run"]["device"] for trial in trials}))
    return text + f"\nMeasured by `python zoo/records/experiments/recipes.py`, {devices}.\n"


def progressive_table() -> str:
    """Returns the table of the trainings in phases of `experiments/progressive.py`, the best of an entry first."""
    folder = EXPERIMENTS / "progressive"
    text = (
        row("entry", "variant", "epochs", "minutes", "seeds", "top-1 (%) on held-out images")
        + "|---|---|---|--:|---|--:|\n"
    )
    devices = set()
    for times in sorted(folder.glob("*-seconds.json")):
        timed = json.loads(times.read_text())
        devices.add(timed["run"]["device"])
        seconds = {(phase["image_size"], phase["depth"]): phase["seconds_per_epoch"] for phase in timed["phases"]}
        entry = times.name.removesuffix("-seconds.json")
        runs = [json.loads(path.read_text()) for path in sorted(folder.glob(f"{entry}-*.json")) if path != times]
        variants: dict[str, list[dict[str, Any]]] = {}
        for run in runs:
            variants.setdefault(run["variant"], []).append(run)
        for name, trainings in sorted(variants.items(), key=lambda item: -mean([run["top1"] for run in item[1]])):
            recipe = trainings[0]["recipe"]
            phases = recipe["phases"] or [{"epochs": recipe["epochs"], "image_size": None, "depth": None}]
            minutes = sum(phase["epochs"] * seconds[phase["image_size"], phase["depth"]] for phase in phases) / 60
            text += row(
                f"`{entry}`",
                name,
                "; ".join(f"{phase['epochs']} of {phase_name(phase)}" for phase in phases),
                f"{minutes:.1f}",
                ", ".join(str(run["seed"]) for run in trainings),
                spread([run["top1"] for run in trainings]),
            )
    command = "python zoo/records/experiments/progressive.py ENTRY"
    return text + f"\nMeasured by `{command}`, the minutes with `--time`, {', '.join(sorted(devices))}.\n"


def phase_name(phase: dict[str, Any]) -> str:
    """Returns what a phase trains, such as `16 px, depth 14`; CIFAR's images have 32 pixels."""
    return f"{phase['image_size'] or 32} px" + (f", depth {phase['depth']}" if phase["depth"] else "")


def resumed_table() -> str:
    """Returns the table of what `experiments/resume.py` compared."""
    text = row("entry", "backend", "recipe", "arrays", "different") + "|---|---|---|--:|--:|\n"
    for path in sorted((EXPERIMENTS / "resume").glob("*.json")):
        record = json.loads(path.read_text())
        recipe, run = record["recipe"], record["run"]
        text += row(
            f"`{record['entry']}`",
            f"{run['backend']} {run[run['backend']]}, {run['device']}",
            f"{recipe['epochs']} epochs of {recipe['images'] or 'all'} images, {recipe['precision']}",
            str(record["arrays"]),
            str(len(record["different"])),
        )
    return text


def scanned_table() -> str:
    """Returns the table of what `experiments/scanned_blocks.py` measured."""
    text = row("entry", "equal blocks", "first step (s)", "later steps (s)") + "|---|---|--:|--:|\n"
    commands = []  # which need the backend that they ran on
    for path in sorted((EXPERIMENTS / "scanned_blocks").glob("*.json")):
        record = json.loads(path.read_text())
        run = record["run"]
        command = f"KERAS_BACKEND={run['backend']} {typed(run['command'])}"
        commands.append(f"`{command}`, {run['device']}, batch {record['batch_size']}, {record['precision']}")
        for name in ("as it is", "scanned"):
            seconds = record[name]["first_step_seconds"], record[name]["step_seconds"]
            text += row(f"`{record['entry']}`", name, f"{seconds[0]:.1f}", f"{seconds[1]:.2f}")
    return text + "\nMeasured by " + ", and by ".join(commands) + ".\n"


def gray_table() -> str:
    """Returns the table of what `experiments/gray.py` measured."""
    text = (
        row("entry", "in color (%)", "gray, three equal channels (%)", "gray, one channel (%)") + "|---|--:|--:|--:|\n"
    )
    records = [json.loads(path.read_text()) for path in sorted((EXPERIMENTS / "gray").glob("*.json"))]
    for record in records:
        names = "color", "three_channels", "one_channel"
        text += row(f"`{record['entry']}`", *(f"{100 * record['top1'][name]:.2f}" for name in names))
    return text + f"\nMeasured by `python zoo/records/experiments/gray.py`, {records[0]['device']}.\n"
