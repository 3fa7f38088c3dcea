"""`osrsdiff demo`: an ordinary instance whose hiscores are the simulation, with weeks of history from the start."""

import socket
from collections.abc import Mapping
from datetime import datetime

from osrsdiff import supervisor
from osrsdiff.children import Child
from osrsdiff.config import Config
from osrsdiff.demo.clan import STORY_LENGTH

ORIGIN = "demo"


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


CONFIGURATION = """\
# A demo's own: its hiscores are a simulation, which may be asked as fast as one likes.
[hiscores]
requests_per_second = 20.0
burst = 20
"""


def overrides(hiscores_port: int) -> Mapping[str, tuple[object, str]]:
    """What a demo is told besides its configuration: where the simulation listens this time."""
    return {"hiscores.base_url": (f"http://127.0.0.1:{hiscores_port}", ORIGIN)}


def story_epoch(now: datetime) -> datetime:
    """When the stories of a demo that begins `now` do, so that their most telling days lie in the last weeks."""
    return (now - STORY_LENGTH).replace(hour=0, minute=0, second=0, microsecond=0)


async def run_demo(config: Config, hiscores_port: int, epoch: datetime) -> None:
    """Runs until SIGTERM or SIGINT. `config` was loaded with `overrides`; `epoch`: when the clan's stories begin.

    Raises SetupError where it can't start.
    """
    populate = supervisor.python("osrsdiff.lifeline", "osrsdiff.demo.populate", epoch.isoformat())
    simulation = supervisor.python("osrsdiff.lifeline", "osrsdiff.demo.server", *_flags(hiscores_port, epoch))
    await supervisor.run(config, before=[Child("clan", populate, once=True), Child("hiscores", simulation)])


def _flags(port: int, epoch: datetime) -> list[str]:
    return [f"--port={port}", f"--epoch={epoch.isoformat()}"]
