"""`dia-keras push`: a network on Hugging Face's hub, or as a folder for any web server."""

import pathlib

import click

from .parameters.inputs import check_output
from .parameters.options import complete_entry
from .terminal.console import console, examples
from .terminal.errors import without_traceback


@click.command(
    short_help="Publish a network on Hugging Face's hub.",
    epilog=examples(
        "dia-keras push runs/xray user/xray",
        "dia-keras push dia_resnet20_cifar100 user/dia_resnet20_cifar100 --private",
        "dia-keras push runs/xray --folder xray_for_my_web_server",
        "dia-keras predict --model hf://user/xray lung.jpeg",
    ),
)
@click.argument("name", shell_complete=complete_entry)
@click.argument("repository", required=False, metavar="USER/REPO")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    help="Write the repository into this folder, and upload nothing.",
)
@without_traceback
def push(name: str, repository: str | None, private: bool, folder: pathlib.Path | None) -> None:
    """Publish NAME, an entry or a run's folder, as the repository USER/REPO: weights, card, and a page made of it.

    The weights are a .safetensors file. Log in with `hf auth login` first.
    """
    if (repository is None) == (folder is None) or (folder and private):
        raise click.UsageError("Give a repository USER/REPO, or --folder to write and no more.")
    from ..zoo.hub import publishing

    if folder:
        check_output("--folder", folder)
        publishing.write_repository(name, folder)
        console.print(f"Wrote {folder}")
    elif repository:
        console.print(f"Published {publishing.push(name, repository, private=private)}")
