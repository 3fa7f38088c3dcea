"""`osrsdiff run`: everything an instance needs, in one process tree."""

import anyio
import click

from osrsdiff import supervisor
from osrsdiff.cli.frame import Command
from osrsdiff.cli.place import configured


@click.command(cls=Command)
@click.option("--host", metavar="ADDRESS", help="Where the API listens.")
@click.option("--port", type=int, metavar="PORT", help="On which port; 0 takes any free one.")
def run(host: str | None, port: int | None) -> None:
    """Run everything: Redis, migrations, API, worker, scheduler.

    Needs no Redis, no database server and no configuration file. Ctrl-C or SIGTERM stops it in order.
    """
    config = configured({"api.host": host, "api.port": port}, serves=True)
    anyio.run(supervisor.run, config)
