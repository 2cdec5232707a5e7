"""Errors and warnings of a command as one line each."""

import functools
import warnings

import click

from ... import progress, startup
from .words import in_options


def without_traceback(command):
    """Shows the errors that bad input causes, and warnings, as one line, and progress bars on a terminal."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        try:
            with warnings.catch_warnings(), progress.shown():
                warnings.showwarning = lambda message, *_: click.echo(f"Warning: {message}", err=True)
                return command(*args, **kwargs)
        except (ValueError, OSError, ImportError, RuntimeError) as error:
            problem = startup.backend_problem() if isinstance(error, ImportError) else None
            raise click.ClickException(problem or in_options(str(error), _command())) from error

    return wrapped


def _command() -> click.Command:
    """Returns the command that is running."""
    return click.get_current_context().command
