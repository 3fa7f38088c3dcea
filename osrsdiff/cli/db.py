"""`osrsdiff db`: the database's schema. Next to `run`, `db upgrade` is the only command that creates anything."""

import anyio
import click
from msgspec import Struct

from osrsdiff import config as configuration
from osrsdiff.cli import exits, output
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.place import configured
from osrsdiff.storage import migrate, schema
from osrsdiff.storage.engine import Database
from osrsdiff.tracking.tokens import first_admin_token


class Revision(Struct, frozen=True):
    """Which schema a database has, which one this program wants."""

    url: object
    revision: str | None
    head: str
    state: schema.SchemaState


@click.group(cls=Commands)
def db() -> None:
    """Create, migrate and inspect the database."""


@db.command()
def upgrade() -> None:
    """Create the database, or bring it up to date.

    A SQLite file is backed up before it changes. A new database gets its first admin token, printed this once and kept
    in the file admin-token of the data directory.
    """
    config = configured()
    done = migrate.upgrade(config.database_url, config.data_dir)
    where = configuration.masked(config.database_url)
    if done.created:
        output.say(f"Created the database {where} at revision {done.after}.")
    elif done.before != done.after:
        output.say(f"Upgraded the database {where} from revision {done.before} to {done.after}.")
    else:
        output.note(f"The database {where} is up to date at revision {done.after}.")
    anyio.run(_greet, config)


@db.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def current(as_json: bool) -> None:
    """Print the database's revision and the one that this version needs; exit code 1 where they differ."""
    config = configured()
    found = anyio.run(_revision, config.database_url)
    seen = Revision(configuration.masked(config.database_url), found, schema.HEAD, schema.state_of(found))
    if as_json:
        output.print_json(seen)
    else:
        output.say(f"{seen.url}: revision {seen.revision or 'none'}, {_STATES[seen.state]} (needed: {seen.head})")
    click.get_current_context().exit(0 if seen.state == "current" else exits.NOT_DONE)


_STATES = {"current": "up to date", "pending": "to be upgraded", "newer": "made by a newer version"}


async def _revision(url: str) -> str | None:
    async with await Database.connect(url) as database:
        return await schema.revision(database)


async def _greet(config: configuration.Config) -> None:
    """Prints the first admin token of a new database."""
    async with await Database.connect(config.database_url) as database:
        made = await first_admin_token(database, config.data_dir)
    if made is not None:
        plain, path = made
        output.say(f"Admin token, shown this once and kept in {path}: {plain}")
