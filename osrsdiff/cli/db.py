"""`osrsdiff db`: the database's schema. Next to `run`, `db upgrade` is the only command that creates anything."""

from importlib import import_module

import anyio
import click
from msgspec import Struct

from osrsdiff import config as configuration
from osrsdiff.cli import exits, output
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.place import configured
from osrsdiff.errors import InstanceMissing
from osrsdiff.storage import schema
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
    make_ready(configured())


@db.command()
@JSON
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


def make_ready(config: configuration.Config) -> None:
    """Creates or migrates the database, and says what it did. Raises what `storage.migrate.upgrade` does."""
    where = configuration.masked(config.database_url)
    if anyio.run(_is_current, config.database_url):
        output.note(f"The database {where} is up to date at revision {schema.HEAD}.")
    else:
        # loaded where it is needed: alembic takes longer than everything else here together
        done = import_module("osrsdiff.storage.migrate").upgrade(config.database_url, config.data_dir)
        how = "Created the database {0} at revision {2}." if done.created else "Upgraded the database {0}: {1} to {2}."
        output.say(how.format(where, done.before, done.after))
    anyio.run(_greet, config)


async def _is_current(url: str) -> bool:
    try:
        return await _revision(url) == schema.HEAD
    except InstanceMissing:
        return False


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
