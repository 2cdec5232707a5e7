"""The detectors that were trained, and what attention costs them."""

import json

from .folders import BENCHMARKS, DOCS
from .markdown import code, row

DETECTORS = {"retinanet": "RetinaNet", "faster-rcnn": "Faster R-CNN"}


def accuracy_table() -> str:
    """Returns the table of the detectors in `docs/coco128`, a folder with the records of its run each."""
    text = row("detector", "attention", "pixels", "epochs", "AP (%)", "AP50 (%)", "AP75 (%)", "minutes")
    text += "|---|---|--:|--:|--:|--:|--:|--:|\n"
    commands = []
    for folder in sorted(path for path in (DOCS / "coco128").iterdir() if path.is_dir()):
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


def cost_table() -> str:
    """Returns the table of what attention costs a detector, with a column for each measurement, and the commands."""
    measured = [json.loads(path.read_text()) for path in sorted((BENCHMARKS / "detection").glob("*.json"))]
    columns = [f"{DETECTORS[measurement['model']]}, ResNet{measurement['depth']}" for measurement in measured]
    text = row("attention", *(f"{column}, ms an image (ratio)" for column in columns))
    text += f"|---|{'--:|' * len(columns)}\n"
    for rows in zip(*(measurement["results"] for measurement in measured), strict=True):
        name = rows[0]["attention"]
        cells = (f"{result['milliseconds']:.0f} ({result['ratio']:.2f})" for result in rows)
        text += row(f"`{name}`" if name else "none", *cells)
    commands = [measurement["run"]["command"] for measurement in measured]
    return text + f"\nMeasured on {measured[0]['run']['device']}, by:\n\n{code(commands)}"
