"""The command line, `dia-keras`: one command a file."""

import click

from .. import startup
from .benchmarking import benchmark as benchmark
from .cards import card as card
from .converting import convert as convert
from .detection.detecting import detect as detect
from .detection.training import train_detector as train_detector
from .entries import list_command as list_command
from .evaluation import evaluate as evaluate
from .evaluation import show_evaluation as show_evaluation
from .explaining import explain as explain
from .exporting import export as export
from .fine_tuning import fine_tune as fine_tune
from .parameters.options import data_options as data_options
from .predictions import predict as predict
from .pushing import push as push
from .reproducing import reproduce as reproduce
from .terminal import quiet
from .terminal.console import console as console
from .terminal.errors import without_traceback as without_traceback
from .training import train as train

if startup.IS_COMMAND_LINE:
    quiet.install()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dia-keras")
def main() -> None:
    """DIA networks for Keras: pretrained models, training, export."""


COMMANDS = (
    list_command,
    card,
    predict,
    detect,
    evaluate,
    explain,
    train,
    fine_tune,
    train_detector,
    reproduce,
    export,
    convert,
    push,
    benchmark,
)
for command in COMMANDS:
    main.add_command(command)
