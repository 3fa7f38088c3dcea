"""`osrsdiff prepare`: what `osrsdiff run` does first where Redis is a configured one. Hidden: not needed by hand."""

import anyio
import click

from osrsdiff.cli.db import make_ready
from osrsdiff.cli.frame import Command
from osrsdiff.cli.place import configured
from osrsdiff.tracking import access


@click.command(cls=Command, hidden=True)
def prepare() -> None:
    """Check that Redis takes the login, make the database ready, check that Redis holds no other copy's schedules."""
    config = configured()
    anyio.run(access.check_login, config)
    make_ready(config)
    anyio.run(access.check_owner, config)
