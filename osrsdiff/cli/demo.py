"""`osrsdiff demo`: a living instance for somebody without names or internet, in a data directory of its own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import anyio
import click

from osrsdiff.cli import output
from osrsdiff.cli.frame import Command
from osrsdiff.cli.place import Place, configured
from osrsdiff.config import CONFIG_NAME, DATABASE_NAME, EMBEDDED
from osrsdiff.demo import launch
from osrsdiff.errors import SetupError

_SUBDIRECTORY = "demo"
_MARK = "this-is-a-demo"


@click.command(cls=Command)
@click.option("--host", metavar="ADDRESS", help="Where the API listens.")
@click.option("--port", type=int, metavar="PORT", help="On which port; 0 takes any free one.")
def demo(host: str | None, port: int | None) -> None:
    """Run everything against a simulated hiscores with a made-up clan and weeks of history.

    Lives in the directory `demo` inside the data directory, or in the one that --data-dir names; whatever else is
    configured, it uses no database and no Redis but its own. Ctrl-C stops it, the next start goes on.
    """
    place = click.get_current_context().ensure_object(Place)
    place.data_dir = place.data_dir or configured().data_dir / _SUBDIRECTORY
    epoch = _claimed(place.data_dir)
    hiscores_port = launch.free_port()
    config = configured({"api.host": host, "api.port": port}, serves=True, given=_own_parts(hiscores_port))
    output.note(f"From another terminal: osrsdiff --data-dir {config.data_dir} player list")
    anyio.run(launch.run_demo, config, hiscores_port, epoch)


def _own_parts(hiscores_port: int) -> Mapping[str, tuple[object, str]]:
    """What keeps a demo from touching anything real."""
    return {
        **launch.overrides(hiscores_port),
        "database.url": ("", launch.ORIGIN),
        "redis.url": (EMBEDDED, launch.ORIGIN),
    }


def _claimed(data_dir: Path) -> datetime:
    """Marks a directory as a demo's; when its stories began. Raises SetupError where it holds another instance."""
    mark = data_dir / _MARK
    try:
        if (data_dir / DATABASE_NAME).exists() and not mark.exists():
            raise SetupError(f"{data_dir} holds an instance that is no demo. Name another directory with --data-dir.")
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not mark.exists():
            mark.write_text(launch.story_epoch(datetime.now(UTC)).isoformat())
            (data_dir / CONFIG_NAME).write_text(launch.CONFIGURATION)
        return datetime.fromisoformat(mark.read_text())
    except OSError as error:
        raise SetupError(f"The data directory {data_dir} can't be used: {error.strerror}.") from error
