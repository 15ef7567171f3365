"""`python -m pycoco` is the `pycoco` command."""

from pycoco.cli import command

command()
