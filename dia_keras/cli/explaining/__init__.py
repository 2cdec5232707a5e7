"""The group `dia-keras explain`: pictures of what happens within networks, one command a file."""

import click

from . import attention, grad_cam, gradients, integration, lesion


@click.group(short_help="Draw what happens within networks.")
def explain() -> None:
    """Draw what happens within networks, as a PNG file."""


for module in (grad_cam, attention, integration, gradients, lesion):
    explain.add_command(module.draw)
