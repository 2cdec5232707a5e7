"""`dia-keras list`: the entries of the zoo, or the attentions."""

import fnmatch
from typing import TYPE_CHECKING, Any

import click

from .parameters.options import json_option
from .terminal.console import console, examples, make_table, print_json
from .terminal.errors import without_traceback

if TYPE_CHECKING:
    from ..zoo import Card


@click.command(
    "list",
    short_help="List the entries of the zoo, or the attentions.",
    epilog=examples(
        "dia-keras list resnet20",
        "dia-keras list 'dia_*_cifar100'",
        "dia-keras list --pretrained --json",
        "dia-keras list --attentions",
    ),
)
@click.argument("pattern", default="*")
@click.option("--pretrained", is_flag=True, help="Only entries with weights.")
@click.option("--attentions", is_flag=True, help="The attentions instead, with their numbers of parameters.")
@json_option
@without_traceback
def list_command(pattern: str, pretrained: bool, attentions: bool, as_json: bool) -> None:
    """List the zoo's entries, or the attentions, whose names contain PATTERN, or match it if it has wildcards."""
    from .. import zoo

    if attentions and pretrained:
        raise click.UsageError("`--attentions` and `--pretrained` exclude each other.")
    if attentions:
        _list_attentions(pattern, as_json)
        return
    names = zoo.list_models(_wildcards(pattern), pretrained=pretrained)
    if not names:
        raise click.ClickException(f"No entry matches {pattern!r}" + (" and has weights." if pretrained else "."))
    cards = [zoo.card(name) for name in names]
    if as_json:
        print_json([_record(card) for card in cards])
        return
    # Whole names in 80 columns, which is what a pipe has; a name ends in its data set.
    table = make_table("name", "parameters", "MB", "top-1 %", "top-5 %")
    for column in table.columns[1:]:
        column.justify = "right"
    table.caption = "MB: of the weights; empty: not trained yet"
    for card in cards:
        size = f"{card.weights.size / 1e6:.2f}" if card.weights else ""
        figures = (card.metrics.top1, card.metrics.top5) if card.metrics else (None, None)
        metrics = ["" if value is None else f"{value:.2f}" for value in figures]
        table.add_row(card.name, f"{card.parameters:,}", size, *metrics)
    console.print(table)


def _wildcards(pattern: str) -> str:
    """Returns a pattern that also finds names which contain a text without wildcards."""
    return pattern if set("*?[") & set(pattern) else f"*{pattern}*"


def _record(card: "Card") -> dict[str, Any]:
    """Returns an entry's row of the list, as JSON has it."""
    return {
        "name": card.name,
        "dataset": card.dataset.name,
        "parameters": card.parameters,
        "size_bytes": card.weights.size if card.weights else None,
        "top1": card.metrics.top1 if card.metrics else None,
        "top5": card.metrics.top5 if card.metrics else None,
    }


def _list_attentions(pattern: str, as_json: bool) -> None:
    """Shows the attentions that backbones know by name."""
    from ..backbones import ATTENTIONS

    names = fnmatch.filter(ATTENTIONS, _wildcards(pattern))
    if not names:
        raise click.ClickException(f"No attention matches {pattern!r}.")
    rows = {name: (ATTENTIONS[name].title, ATTENTIONS[name].formula, ATTENTIONS[name].paper) for name in names}
    if as_json:
        print_json(
            [dict(zip(("attention", "name", "parameters", "paper"), (k, *v), strict=True)) for k, v in rows.items()]
        )
        return
    table = make_table("attention", "name", "parameters for N channels", "paper")
    for name, (title, parameters, paper) in rows.items():
        table.add_row(name, title, parameters, paper.removeprefix("https://"))
    console.print(table)
