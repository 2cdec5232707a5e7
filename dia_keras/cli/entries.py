"""`dia-keras list`: the entries of the zoo, or the attentions."""

import fnmatch

import click
from rich.table import Column, Table

from .shared import console, examples, without_traceback


@click.command(
    "list",
    epilog=examples("dia-keras list 'dia_*_cifar100'", "dia-keras list --pretrained", "dia-keras list --attentions"),
)
@click.argument("pattern", default="*")
@click.option("--pretrained", is_flag=True, help="Only entries with weights.")
@click.option("--attentions", is_flag=True, help="The attentions instead, with their numbers of parameters.")
@without_traceback
def list_command(pattern: str, pretrained: bool, attentions: bool) -> None:
    """List the zoo's entries, or the attentions, whose names match PATTERN."""
    from .. import zoo

    if attentions and pretrained:
        raise click.UsageError("`--attentions` and `--pretrained` exclude each other.")
    if attentions:
        console.print(_attentions(pattern))
        return
    names = zoo.list_models(pattern, pretrained=pretrained)
    if not names:
        raise click.ClickException(f"No entry matches {pattern!r}" + (" and has weights." if pretrained else "."))
    # Whole names in 80 columns, which is what a pipe has.
    table = Table(Column("name", no_wrap=True), "data set", "MB", "top-1 %", "top-5 %")
    table.caption = "MB: of the weights; empty: not trained yet"
    for name in names:
        card = zoo.card(name)
        size = f"{card.weights.size / 1e6:.2f}" if card.weights else ""
        metrics = [f"{value:.2f}" for value in (card.metrics.top1, card.metrics.top5)] if card.metrics else ["", ""]
        table.add_row(name, card.dataset.title, size, *metrics)
    console.print(table)


def _attentions(pattern: str) -> Table:
    """Returns the table of the attentions that backbones know by name."""
    from ..backbones import ATTENTIONS

    table = Table("attention", "name", "parameters for N channels")
    table.add_column("paper", overflow="fold")
    for name in fnmatch.filter(ATTENTIONS, pattern):
        attention = ATTENTIONS[name]
        table.add_row(name, attention.title, attention.parameters, attention.paper.removeprefix("https://"))
    if not table.row_count:
        raise click.ClickException(f"No attention matches {pattern!r}.")
    return table
