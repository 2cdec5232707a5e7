"""`python -m dia_keras`: the command line."""

from .cli import main

main(prog_name="dia-keras")
