"""Generates `zoo/RESULTS.md` and `.csv`, `zoo/EXPORTS.md` and tables in other pages from the records: `make tables`."""

import csv
import io
import json
import pathlib
import re
import sys
import textwrap
import tomllib
from collections.abc import Sequence
from statistics import mean
from typing import Any

import click
import reports

from dia_keras import zoo
from dia_keras.backbones import ATTENTIONS
from dia_keras.files import write_text

ZOO = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ZOO / "RESULTS.md"
RESULTS_CSV = ZOO / "RESULTS.csv"
EXPORTS = ZOO / "EXPORTS.md"
RECIPES = ZOO / "RECIPES.md"
RECORDS = ZOO / "records"
EXPERIMENTS = RECORDS / "experiments"
README = ZOO.parent / "README.md"
EXPORT_README = ZOO.parent / "export" / "README.md"
BENCHMARKS = ZOO.parent / "benchmarks" / "results"
DOCS = ZOO.parent / "docs"
XRAYS = DOCS / "xrays"
DETECTORS = {"retinanet": "RetinaNet", "faster-rcnn": "Faster R-CNN"}

#: Images a call for which the goals are, by runtime; one for the others.
BATCH_SIZES = {"xla": 128}
#: The ratios to the plain net that are wanted of a network and what is a lower bound for it, by runtime.
GOALS = {
    ("dia_resnet164_cifar100", "dia_resnet164_cifar100, matrices alone"): {
        "tflite": 1.12,
        "tflite-cached": 1.12,
        "onnx": 1.15,
        "xla": 1.06,
    },
    ("dia_light_resnet164_cifar100", "resnet164_cifar100, least"): {
        "tflite": 1.05,
        "tflite-cached": 1.05,
        "onnx": 1.08,
        "xla": 1.03,
    },
}

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


def result_rows() -> list[dict[str, Any]]:
    """Returns what is known of every entry that has weights; `None` is what is not known."""
    published = tomllib.loads((RECORDS / "published.toml").read_text())
    rows = []
    for name in zoo.list_models(pretrained=True):
        card, other = zoo.card(name), published.get(name, {})
        assert card.weights is not None and card.metrics is not None
        rows.append(
            {
                "entry": name,
                "dataset": card.dataset.name,
                "parameters": card.parameters,
                "weights_bytes": card.weights.size,
                "top1": card.metrics.top1,
                "top5": card.metrics.top5,
                "paper_top1": other.get("paper"),
                "best_published_top1": other.get("best"),
                "best_published_by": other.get("source"),
                "epochs": card.metrics.epochs,
                "epochs_before": card.metrics.details.get("epochs_before"),
                "seed": card.metrics.seed,
                "minutes": card.metrics.details["minutes"],
                "hardware": card.metrics.hardware,
                "command": typed(card.metrics.command),
            }
        )
    return rows


def readme_table() -> str:
    """Returns the table of the entries that have weights."""
    rows = result_rows()
    in_paper = ["paper"] if any(each["paper_top1"] is not None for each in rows) else []
    columns = ["entry", "parameters", "weights", "top-1 (%)", "top-5 (%)", *in_paper, "best published", "epochs"]
    text = row(*columns) + f"|---|{'--:|' * (len(columns) - 1)}\n"
    for each in rows:
        paper, best = each["paper_top1"], each["best_published_top1"]
        text += row(
            f"`{each['entry']}`",
            f"{each['parameters']:,}",
            f"{each['weights_bytes'] / 1e6:.2f} MB",
            f"{each['top1']:.2f}",
            f"{each['top5']:.2f}",
            *("" if paper is None else f"{paper:.2f}" for _ in in_paper),
            "" if best is None else f"{best:.2f} ({each['best_published_by']})",
            f"{each['epochs_before']} + {each['epochs']}" if each["epochs_before"] else str(each["epochs"]),
        )
    return text


def attentions_table() -> str:
    """Returns the table of the attentions, with what they add to ResNet164."""
    text = row("`attention=`", "what it is", "parameters for N channels", "ResNet164, per block", "shared by a stage")
    text += "|---|---|---|--:|--:|\n"
    cards = {name: zoo.card(name) for name in zoo.list_models("*resnet164_cifar100")}
    plain = cards["resnet164_cifar100"].parameters
    # By attention and whether the blocks of a stage share it; in the entries, they share every cell.
    added = {
        (arguments["attention"], name.startswith("dia_")): f"{card.parameters - plain:,}"
        for name, card in cards.items()
        if (arguments := card.architecture.arguments) and card.architecture.backbone == "resnet"
    }
    for name, attention in ATTENTIONS.items():
        text += row(
            f"`{name!r}`",
            f"[{attention.title}]({attention.paper})",
            attention.formula,
            added.get((name, False), "-"),
            added.get((name, True), "-"),
        )
    return text


def results() -> str:
    """Returns `RESULTS.md`: how every entry with weights came about, and the entries without."""
    text = (
        "# Results\n\nGenerated from the cards by `make tables`. Accuracies are those of the last epoch on the whole\n"
        "test set, 10,000 images, measured on the weights that `zoo.load` gives, without test-time augmentation.\n"
        "[RESULTS.csv](RESULTS.csv) has the same figures for programs.\n\n"
    )
    text += readme_table() + "\n## How they were trained\n\n"
    text += "Where an entry started from earlier weights of its own, this is its last training.\n\n"
    text += row("entry", "hardware", "minutes", "seed", "command") + "|---|---|--:|--:|---|\n"
    for each in result_rows():
        minutes, seed = f"{each['minutes']:.0f}", str(each["seed"])
        text += row(f"`{each['entry']}`", each["hardware"], minutes, seed, f"`{each['command']}`")
    missing = [name for name in zoo.list_models() if zoo.card(name).weights is None]
    text += f"\n## Not trained yet\n\n{', '.join(f'`{name}`' for name in missing)}\n"
    return text


def results_csv() -> str:
    """Returns `RESULTS.csv`: the rows of `RESULTS.md` for programs."""
    rows, text = result_rows(), io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def exports() -> str:
    """Returns `EXPORTS.md`: what the reports say of every exported entry."""
    found = reports.read(RECORDS / "exports")
    measured = {each["entry"] for each in found if any(report["model_top1"] is not None for report in each["exports"])}
    text = (
        "# Exports\n\nGenerated by `make tables` from the reports that `zoo/tools/exports.py` wrote into "
        f"`zoo/records/exports`, of\n{len(found)} of the {len(zoo.list_models())} entries. "
        "Seconds are those of the whole export. Some ran beside other work.\n"
        "Partitions are the groups of ops of a TFLite file that XNNPACK runs, LiteRT's CPU delegate. One partition of "
        "all ops is best.\nWith 0, as in int16x8, LiteRT's own, slower kernels run.\n\n"
        "## With weights\n"
    )
    text += "".join(exports_of_trained(each) for each in found if each["entry"] in measured)
    if missing := [name for name in zoo.list_models(pretrained=True) if name not in measured]:
        text += f"\nNot exported with its weights yet: {', '.join(f'`{name}`' for name in missing)}.\n"
    text += (
        "\n## With initial values\n\nMB, and the largest difference to Keras. Residual branches are scaled down, and "
        "norms settled on\nup to 50 images (`zoo/tools/exports.py`): "
        "with plain initial values, deep nets amplify small differences.\n\n"
    )
    return text + exports_of_untrained([each for each in found if each["entry"] not in measured])


def form(report) -> str:
    return f"{report['format']}, {report['quantize']}" if report["quantize"] else report["format"]


def exports_of_trained(found) -> str:
    """Returns the section of an entry with weights, a row for each form."""
    text = f"\n### {found['entry']}\n\n"
    text += row("form", "MB", "seconds", "ops", "partitions", "difference to Keras", "top-1 (%)", "Keras' top-1 (%)")
    text += "|---|--:|--:|--:|--:|--:|--:|--:|\n"
    for report in found["exports"]:
        text += row(
            form(report),
            f"{report['size_bytes'] / 1e6:.2f}",
            f"{report['seconds']:.1f}",
            str(sum(report["ops"].values())),
            "" if report["partitions"] is None else str(report["partitions"]),
            f"{report['max_difference']:.1e}",
            *("" if value is None else f"{100 * value:.2f}" for value in (report["top1"], report["model_top1"])),
        )
    for each in found["refused"]:
        text += f"\n{form(each)}, is refused: {each['reason']}\n"
    if (images := found.get("test_images", 10_000)) != 10_000:
        text += f"\nAccuracies are of the first {images:,} test images.\n"
    return f"{text}\n{found['run']['device']}: `{typed(found['run']['command'])}`\n"


def exports_of_untrained(found) -> str:
    """Returns the table of the entries without weights, a row each, and why forms were refused."""
    forms = list(dict.fromkeys(form(report) for each in found for report in each["exports"]))
    text = row("entry", *forms) + f"|---|{'--:|' * len(forms)}\n"
    entries_by_reason: dict[str, list[str]] = {}
    for each in found:
        cells = dict.fromkeys(forms, "")
        for report in each["exports"]:
            cells[form(report)] = f"{report['size_bytes'] / 1e6:.2f} ({report['max_difference']:.0e})"
        for refused in each["refused"]:
            cells[form(refused)] = "refused"
            entries_by_reason.setdefault(f"{form(refused)}: {refused['reason']}", []).append(each["entry"])
        text += row(each["entry"], *cells.values())
    for reason, entries in entries_by_reason.items():
        text += f"\nRefused for {', '.join(entries)}: {reason}\n"
    text += "\nMeasured by `python zoo/tools/exports.py ENTRY`; the reports have the commands and hosts.\n"
    if measured := [each for each in found if "peak_memory" in each]:
        most = max(measured, key=lambda each: each["peak_memory"])
        text += f"Of {len(measured)} whose memory was measured, {most['entry']} took most: "
        text += f"{most['peak_memory'] / 1e9:.1f} GB at the peak.\n"
    return text


def latency_table(folder: pathlib.Path) -> str:
    """Returns the table of the committed benchmarks in a folder, a column for each runtime and batch size."""
    times: dict[str, dict[str, str]] = {}
    commands, devices = [], []
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text())
        commands.append(found["run"]["command"])
        devices.append(found["run"]["device"])
        for each in found["measurements"]:
            column = f"{each['runtime']}, batch {each['batch_size']}"
            times.setdefault(each["network"], {})[column] = f"{each['milliseconds']:.2f} ms ({each['ratio']:.2f})"
    columns = list(dict.fromkeys(column for found in times.values() for column in found))
    text = row("network", *columns) + f"|---|{'--:|' * len(columns)}\n"
    for network, found in times.items():
        text += row(network, *(found.get(column, "") for column in columns))
    return text + f"\nMeasured by these commands, on the machine that stands above each:\n\n{code(commands, devices)}"


def quantized_table() -> str:
    """Returns the table of the quantized TFLite files of the entries that have weights."""
    kinds = "int8", "int16x8"
    text = row("entry", "Keras, top-1 (%)", *(f"{kind}, top-1 (%) (largest difference)" for kind in kinds))
    text += "|---|--:|--:|--:|\n"
    for name in zoo.list_models(pretrained=True):
        path = RECORDS / "exports" / f"{name}.json"
        if not path.exists():
            continue
        record = json.loads(path.read_text())
        found = {each["quantize"]: each for each in record["exports"] if each["format"] == "tflite"}
        cells = [f"{100 * found[None]['model_top1']:.2f}"]
        for report in map(found.get, kinds):
            cells.append(f"{100 * report['top1']:.2f} ({report['max_difference']:.1e})" if report else "")
        images = record.get("test_images", 10_000)
        text += row(f"`{name}`{'' if images == 10_000 else f', first {images:,} images'}", *cells)
    return text


def goals_table() -> str:
    """Returns the table of the goals for inference, with their lower bounds, from the committed benchmarks."""
    ratios: dict[tuple[str, str], float] = {}
    for path in sorted(BENCHMARKS.glob("*.json")):
        for each in json.loads(path.read_text())["measurements"]:
            if each["batch_size"] == BATCH_SIZES.get(each["runtime"], 1):
                ratios[each["network"], each["runtime"]] = each["ratio"]
    text = row("network", "runtime", "goal", "lower bound", "measured") + "|---|---|--:|--:|--:|\n"
    for (network, bound), goals in GOALS.items():
        for runtime, goal in goals.items():
            at_least = f"{ratios[bound, runtime]:.2f} ({bound.rpartition(', ')[2]})"
            text += row(network, runtime, f"{goal:.2f}", at_least, f"{ratios[network, runtime]:.2f}")
    return text


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
        seconds = {(each["image_size"], each["depth"]): each["seconds_per_epoch"] for each in timed["phases"]}
        entry = times.name.removesuffix("-seconds.json")
        runs = [json.loads(path.read_text()) for path in sorted(folder.glob(f"{entry}-*.json")) if path != times]
        variants: dict[str, list[dict[str, Any]]] = {}
        for run in runs:
            variants.setdefault(run["variant"], []).append(run)
        for name, found in sorted(variants.items(), key=lambda item: -mean([run["top1"] for run in item[1]])):
            recipe = found[0]["recipe"]
            phases = recipe["phases"] or [{"epochs": recipe["epochs"], "image_size": None, "depth": None}]
            minutes = sum(each["epochs"] * seconds[each["image_size"], each["depth"]] for each in phases) / 60
            text += row(
                f"`{entry}`",
                name,
                "; ".join(f"{each['epochs']} of {phase_name(each)}" for each in phases),
                f"{minutes:.1f}",
                ", ".join(str(run["seed"]) for run in found),
                spread([run["top1"] for run in found]),
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
        found = json.loads(path.read_text())
        recipe, run = found["recipe"], found["run"]
        text += row(
            f"`{found['entry']}`",
            f"{run['backend']} {run[run['backend']]}, {run['device']}",
            f"{recipe['epochs']} epochs of {recipe['images'] or 'all'} images, {recipe['precision']}",
            str(found["arrays"]),
            str(len(found["different"])),
        )
    return text


def scanned_table() -> str:
    """Returns the table of what `experiments/scanned_blocks.py` measured."""
    text = row("entry", "equal blocks", "first step (s)", "later steps (s)") + "|---|---|--:|--:|\n"
    commands = []  # which need the backend that they ran on
    for path in sorted((EXPERIMENTS / "scanned_blocks").glob("*.json")):
        found = json.loads(path.read_text())
        run = found["run"]
        command = f"KERAS_BACKEND={run['backend']} {typed(run['command'])}"
        commands.append(f"`{command}`, {run['device']}, batch {found['batch_size']}, {found['precision']}")
        for name in ("as it is", "scanned"):
            seconds = found[name]["first_step_seconds"], found[name]["step_seconds"]
            text += row(f"`{found['entry']}`", name, f"{seconds[0]:.1f}", f"{seconds[1]:.2f}")
    return text + "\nMeasured by " + ", and by ".join(commands) + ".\n"


def xrays_table() -> str:
    """Returns the table of the fine-tuned runs in `docs/xrays`, the seeds of a setting in one row, and the commands."""
    names = "accuracy (%)", "balanced (%)", "NORMAL (%)", "PNEUMONIA (%)"
    text = row("reports", "seeds", "held out", "held out, balanced (%)", *names) + f"|---|--:|---|{'--:|' * 5}\n"
    settings: dict[str, list[pathlib.Path]] = {}
    for path in sorted(XRAYS.glob("*.json")):
        settings.setdefault(path.stem.partition(".")[0], []).append(path)
    commands, comments = [], []
    for paths in settings.values():
        found = [json.loads(path.read_text()) for path in paths]
        tests = [each["test"] for each in found]
        columns = [
            [each["held_out"]["balanced_accuracy"] for each in found],
            [test["accuracy"] for test in tests],
            [test["balanced_accuracy"] for test in tests],
            *zip(*(test["per_class"].values() for test in tests), strict=True),
        ]
        links = ", ".join(f"[{path.stem}]({path.name})" for path in paths)
        held_out = "patients" if found[0]["settings"].get("group") else "images"
        text += row(links, str(len(paths)), held_out, *(spread(column) for column in columns))
        others = " and ".join(f"--seed {each['settings']['seed']}" for each in found[1:])
        commands.append(found[0]["command"])
        comments.append(f"{paths[0].stem}; the other seeds with {others}" if others else paths[0].stem)
    return text + f"\nMeasured on {found[0]['device']}, by:\n\n{code(commands, comments)}"


def spread(values: Sequence[float]) -> str:
    """Returns the mean of shares in percent, with the lowest and the highest where there are several."""
    low, high, middle = (f"{100 * value:.1f}" for value in (min(values), max(values), mean(values)))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def xrays_choice_table() -> str:
    """Returns the table of the short runs in `docs/xrays/choice`, by what is held out, the best first."""
    changes = "brightness", "contrast", "rotation", "zoom"
    names = "balanced (%)", "NORMAL (%)", "PNEUMONIA (%)", "loss"
    text = row("held out", *(f"`--{name}`" for name in changes), *names) + f"|---|{'--:|' * 8}\n"
    commands = []
    for kind in ("blocks", "series"):
        runs = [json.loads(path.read_text()) for path in (XRAYS / "choice").glob(f"{kind}_*.json")]
        runs.sort(key=lambda run: (-run["held_out"]["balanced_accuracy"], run["lowest_loss"]))
        for run in runs:
            found, settings = run["held_out"], run["settings"]
            values = found["balanced_accuracy"], *found["per_class"].values()
            cells = *(f"{settings[name]:g}" for name in changes), *(f"{100 * value:.1f}" for value in values)
            text += row(kind, *cells, f"{run['lowest_loss']:.3f}")
        commands.append(min((run["command"] for run in runs), key=len))
    comments = "blocks; the other rows with the options of the table", "series, in the same way"
    return text + f"\nMeasured on {runs[0]['device']}, by:\n\n{code(commands, comments)}"


def detectors_table() -> str:
    """Returns the table of the detectors in `docs/coco128`, a folder with the records of its run each."""
    text = row("detector", "attention", "pixels", "epochs", "AP (%)", "AP50 (%)", "AP75 (%)", "minutes")
    text += "|---|---|--:|--:|--:|--:|--:|--:|\n"
    commands = []
    for folder in sorted(each for each in (DOCS / "coco128").iterdir() if each.is_dir()):
        recipe, metrics, run = (json.loads((folder / f"{n}.json").read_text()) for n in ("recipe", "metrics", "run"))
        name = DETECTORS[recipe["model"]]
        text += row(
            f"[{name}, ResNet{recipe['depth']}](coco128/{folder.name}/recipe.json)",
            f"`{recipe['attention']}`" if recipe["attention"] else "",
            "x".join(map(str, recipe["image_size"])),
            str(recipe["epochs"]),
            *(f"{100 * metrics[key]:.1f}" for key in ("AP", "AP50", "AP75")),
            f"{run['minutes']:.0f}",
        )
        commands.append(run["command"])
    return text + f"\nMeasured on {run['device']}, by:\n\n{code(commands)}"


def detection_cost_table() -> str:
    """Returns the table of what attention costs a detector, with a column for each measurement, and the commands."""
    measured = [json.loads(path.read_text()) for path in sorted((BENCHMARKS / "detection").glob("*.json"))]
    columns = [f"{DETECTORS[each['model']]}, ResNet{each['depth']}" for each in measured]
    text = row("attention", *(f"{column}, ms an image (ratio)" for column in columns))
    text += f"|---|{'--:|' * len(columns)}\n"
    for rows in zip(*(each["results"] for each in measured), strict=True):
        name = rows[0]["attention"]
        cells = (f"{each['milliseconds']:.0f} ({each['ratio']:.2f})" for each in rows)
        text += row(f"`{name}`" if name else "none", *cells)
    commands = [each["run"]["command"] for each in measured]
    return text + f"\nMeasured on {measured[0]['run']['device']}, by:\n\n{code(commands)}"


def gray_table() -> str:
    """Returns the table of what `experiments/gray.py` measured."""
    text = (
        row("entry", "in color (%)", "gray, three equal channels (%)", "gray, one channel (%)") + "|---|--:|--:|--:|\n"
    )
    found = [json.loads(path.read_text()) for path in sorted((EXPERIMENTS / "gray").glob("*.json"))]
    for each in found:
        names = "color", "three_channels", "one_channel"
        text += row(f"`{each['entry']}`", *(f"{100 * each['top1'][name]:.2f}" for name in names))
    return text + f"\nMeasured by `python zoo/records/experiments/gray.py`, {found[0]['device']}.\n"


def filled(path: pathlib.Path, tables: dict[str, str]) -> str:
    """Returns a page with its tables, which stand between marks, replaced."""
    page = path.read_text()
    for name, table in tables.items():
        begin, end = f"<!-- begin: zoo/tools/tables.py, {name} -->", f"<!-- end: {name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        assert found and closed, f"{path.name} must have the lines {begin} and {end}"
        page = f"{before}{begin}\n{table}{end}{after}"
    return page


def pages() -> dict[pathlib.Path, str]:
    """Returns what the generated files should hold."""
    exported = {
        "quantized": quantized_table(),
        "latency": latency_table(BENCHMARKS),
        "goals": goals_table(),
        "peers": latency_table(BENCHMARKS / "peers"),
    }
    return {
        README: filled(README, {"results": readme_table(), "attentions": attentions_table()}),
        EXPORT_README: filled(EXPORT_README, exported),
        RECIPES: filled(
            RECIPES,
            {
                "trials": recipes_table(),
                "progressive": progressive_table(),
                "resumed": resumed_table(),
                "scanned": scanned_table(),
            },
        ),
        DOCS / "fine_tuning.md": filled(DOCS / "fine_tuning.md", {"gray": gray_table()}),
        XRAYS / "README.md": filled(XRAYS / "README.md", {"x-rays": xrays_table(), "choice": xrays_choice_table()}),
        DOCS / "detection.md": filled(
            DOCS / "detection.md", {"coco128": detectors_table(), "cost": detection_cost_table()}
        ),
        RESULTS: results(),
        RESULTS_CSV: results_csv(),
        EXPORTS: exports(),
    }


@click.command(help=__doc__)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a table is not up to date.")
def main(check: bool) -> None:
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    if check:
        sys.exit(f"Run `make tables`: {', '.join(path.name for path in stale)}" if stale else 0)
    for path, text in stale.items():
        write_text(path, text)


if __name__ == "__main__":
    main()
