"""One rule for what a person should mean to do: asked about at a terminal, without one only done with `--yes`."""

import sys

import click

YES = click.option("--yes", is_flag=True, help="Don't ask. Needed where nobody can be asked.")


def ask(question: str, *, otherwise: str) -> None:
    """Goes on where somebody at a terminal says yes. `otherwise`: what is said where there is no terminal.

    Raises Abort, UsageError.
    """
    if not _is_at_a_terminal():
        raise click.UsageError(f"{otherwise}: confirm with --yes.")
    click.confirm(question, abort=True, err=True)


def _is_at_a_terminal() -> bool:
    return sys.stdin.isatty()
