"""`osrsdiff worker` and `osrsdiff scheduler`: the `taskiq` commands with this program's factories.

The `taskiq` process takes this one's place, so that signals reach it.
"""

import os
import signal
import sys

import anyio
import click

from osrsdiff import supervisor
from osrsdiff.cli.frame import Command
from osrsdiff.cli.place import configured
from osrsdiff.config import Config
from osrsdiff.tracking import access


@click.command(cls=Command)
def worker() -> None:
    """Run the workers alone, until SIGTERM. On another host they need Postgres and a Redis of their own network."""
    config = configured(serves=True)
    _become(config, supervisor.worker_command(config))


@click.command(cls=Command)
def scheduler() -> None:
    """Run the scheduler alone, until SIGTERM. Several may run: each firing is sent once."""
    _become(configured(serves=True), supervisor.scheduler_command())


def _become(config: Config, command: list[str]) -> None:
    anyio.run(access.wait_and_check, config)
    sys.stdout.flush()
    # SIGINT is what taskiq's scheduler stops by; a shell starts what goes into the background with it ignored
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(command[0], command, {**os.environ, **config.environment()})  # noqa: S606 - this very program
