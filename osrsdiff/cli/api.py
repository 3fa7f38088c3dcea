"""`osrsdiff api`: the API alone, for several hosts or another supervisor."""

import click

from osrsdiff.api.app import run_api
from osrsdiff.cli.frame import Command
from osrsdiff.cli.place import configured


@click.command(cls=Command)
@click.option("--host", metavar="ADDRESS", help="Where it listens.")
@click.option("--port", type=int, metavar="PORT", help="On which port; 0 takes any free one.")
def api(host: str | None, port: int | None) -> None:
    """Run the API alone, until SIGTERM. Waits for a database that is not ready yet."""
    run_api(configured({"api.host": host, "api.port": port}, serves=True))
