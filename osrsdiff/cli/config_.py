"""`osrsdiff config`: what this instance is told, from where, and whether it makes sense."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import click
from msgspec import Struct

from osrsdiff import config as configuration
from osrsdiff.cli import output, tables
from osrsdiff.cli.frame import Commands
from osrsdiff.cli.inputs import JSON
from osrsdiff.cli.place import configured


class Value(Struct, frozen=True):
    """One key: what it is, and where that came from."""

    value: object
    origin: str


class Shown(Struct, frozen=True):
    """The whole configuration, secrets masked."""

    data_dir: str
    config_path: str | None
    values: dict[str, Value]


@click.group(cls=Commands)
def config() -> None:
    """Show and check the configuration: osrsdiff.toml, OSRSDIFF_SECTION__KEY, flags; the later one wins."""


@config.command()
@JSON
def show(as_json: bool) -> None:
    """Print each value with where it came from; passwords are masked."""
    loaded = configured()
    values = {key: Value(_shown(loaded, key), loaded.origins[key]) for key in configuration.KEYS}
    if as_json:
        path = None if loaded.config_path is None else str(loaded.config_path)
        output.print_json(Shown(str(loaded.data_dir), path, values))
        return
    tables.print_facts({"data directory": str(loaded.data_dir), "file": str(loaded.config_path or "none")})
    tables.print_line("")
    rows = [(key, _text(value.value), value.origin) for key, value in values.items()]
    tables.print_table(("Key", "Value", "From"), rows)


@config.command()
def check() -> None:
    """Say whether the configuration is good, or which key is not, where, and what was expected."""
    loaded = configured()
    for warning in _warnings(loaded):
        output.note(f"Warning: {warning}")
    output.say(f"The configuration is good ({loaded.config_path or 'no file: defaults and environment'}).")


def _shown(loaded: configuration.Config, key: str) -> object:
    """The value; for the database's URL the one in use."""
    return configuration.masked(loaded.database_url if key == "database.url" else loaded.value(key))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _warnings(loaded: configuration.Config) -> Iterator[str]:
    """What is allowed but seldom meant."""
    official = configuration.Hiscores().base_url
    if loaded.hiscores.base_url == official and not loaded.hiscores.contact:
        yield "hiscores.contact is empty: say how the hiscores' operators can reach you."
    if loaded.api.host not in _LOOPBACK:
        yield f"api.host {loaded.api.host} lets others in: put a reverse proxy with TLS before it."
    if loaded.database_is_local and urlsplit(loaded.redis.url).hostname not in {None, *_LOOPBACK}:
        yield "redis.url names another host beside a SQLite file of this one: no other host may run workers on it."


_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
