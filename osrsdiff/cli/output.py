"""What commands print: data on standard output, remarks on standard error, so that `--json` is one document alone."""

import click
import msgspec


def print_json(document: object) -> None:
    """Prints one document, indented; times as ISO 8601 UTC."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def say(text: str = "") -> None:
    """A line of what was asked for."""
    click.echo(text)


def note(text: str) -> None:
    """A remark."""
    click.secho(text, err=True, dim=True)
