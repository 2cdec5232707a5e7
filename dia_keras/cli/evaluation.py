"""`dia-keras evaluate`: the accuracy of an entry or of your own network."""

import dataclasses

import click

from .parameters.options import (
    Resize,
    complete_entry,
    data_options,
    json_option,
    labels_option,
    resize_option,
    weights_option,
)
from .terminal.console import console, examples, make_table, print_json
from .terminal.errors import without_traceback


@click.command(
    short_help="Measure a network on its test set.",
    epilog=examples(
        "dia-keras evaluate dia_resnet20_cifar100 --data-dir ~/tensorflow_datasets",
        "dia-keras evaluate runs/xray --data chest_xray",
    ),
)
@click.argument("name", shell_complete=complete_entry)
@weights_option
@click.option("--per-class/--no-per-class", default=True, show_default=True, help="Show the accuracy of every class.")
@data_options
@labels_option
@resize_option
@json_option
@without_traceback
def evaluate(
    name: str,
    weights: str,
    per_class: bool,
    source: str | None,
    data_dir: str | None,
    labels: tuple[str, ...] | None,
    resize: Resize | None,
    as_json: bool,
) -> None:
    """Measure NAME on its whole test set.

    NAME is an entry, a repository (hf://user/repo), a run's folder, a .keras file, or a weights file that names its
    entry.
    """
    from ..training.evaluation import evaluate_entry

    result = evaluate_entry(name, weights, source, data_dir, resize, labels=labels)
    if as_json:
        print_json({"entry": name, **dataclasses.asdict(result), "balanced": result.balanced})
    else:
        show_evaluation(name, result, per_class)


def show_evaluation(name: str, result, per_class: bool) -> None:
    """Prints an `Evaluation` as tables."""
    if per_class:
        ranked = sorted(result.per_class.items(), key=lambda item: item[1])
        columns = 4 if len(ranked) > 20 else 1
        rows = -(-len(ranked) // columns)
        table = make_table(*["class", "top-1 (%)"] * columns, title=f"{name}: classes, worst first")
        for i in range(rows):
            cells = [ranked[j] for j in range(i, len(ranked), rows)]
            table.add_row(*(text for label, top1 in cells for text in (label, f"{100 * top1:.1f}")))
        console.print(table)
    table = make_table("network", "images", "top-1 (%)", "balanced (%)", "top-5 (%)")
    figures = result.top1, result.balanced, result.top5
    table.add_row(name, str(result.images), *(f"{100 * figure:.2f}" for figure in figures))
    console.print(table)
