"""What differs between SQLite and Postgres: URLs, types, pragmas, upserts, questions about the server itself.

Everything else in storage is the same for both. Opens nothing.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    ColumnElement,
    Dialect,
    Executable,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    bindparam,
    text,
)
from sqlalchemy.dialects import registry
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import SyntaxExtension
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.functions import FunctionElement

from osrsdiff.config import masked
from osrsdiff.errors import ConfigError

DialectName = Literal["sqlite", "postgresql"]

# Types that every table uses. SQLite numbers rows by itself only where the column is exactly INTEGER, and stores any
# integer in as few bytes as it needs; Postgres needs to be told the width.
SMALL_ID = SmallInteger().with_variant(Integer, "sqlite")
ID = Integer
SECONDS = BigInteger
XP = BigInteger
BLOB = LargeBinary
# Pages of players follow the order of bytes on both, whatever the server's language is.
NAME = Text().with_variant(Text(collation="C"), "postgresql")

SQLITE_PRAGMAS = (
    "PRAGMA busy_timeout = 10000",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_size_limit = 67108864",
)

POSTGRES_SETTINGS = {
    "application_name": "osrsdiff",
    "jit": "off",  # compiling costs more than any statement here runs
    "plan_cache_mode": "force_generic_plan",  # and so does planning it anew for each player
}


def dialect_of(url: str) -> DialectName:
    """Which database a URL names. Raises ConfigError for any other than these two."""
    match urlsplit(url).scheme:
        case "sqlite":
            return "sqlite"
        case "postgresql" | "postgres":
            return "postgresql"
        case _:
            raise ConfigError(
                f"database.url {shown(url)!r} names no database that can be used: "
                "give sqlite:///path/to/osrsdiff.db or postgresql://user:password@host/name."
            )


def sqlite_path(url: str) -> Path:
    """The file of a SQLite URL, whose path is always absolute. Raises ConfigError where it names none."""
    path = url.removeprefix("sqlite:").lstrip("/")
    if not url.startswith("sqlite:///") or not path:
        raise ConfigError(f"database.url {url!r} names no file: give sqlite:///path/to/osrsdiff.db.")
    return Path("/", path)


def shown(url: str) -> str:
    """A database URL without its passwords, fit for messages."""
    return str(masked(url))


def compiling_for(name: DialectName) -> Dialect:
    """What SQLAlchemy needs to write statements as aiosqlite (`?`) or asyncpg (`$1::INTEGER`) take them."""
    make: Callable[[], Dialect] = registry.load("sqlite.pysqlite" if name == "sqlite" else "postgresql.asyncpg")
    return make()


class OnConflict(SyntaxExtension, ClauseElement):
    """`ON CONFLICT (keys) DO …`, which both databases write alike: `insert(table).ext(OnConflict(…))`.

    `keys`: the columns whose uniqueness may be violated. `updated`: those that take the new row's value; none of them
    leaves the old row as it is.
    """

    inherit_cache = False

    def __init__(self, keys: Sequence[str], updated: Sequence[str] = ()) -> None:
        self.keys = tuple(keys)
        self.updated = tuple(updated)

    def apply_to_insert(self, insert_stmt: Insert) -> None:
        """Puts the clause behind the values."""
        insert_stmt.apply_syntax_extension_point(self.append_replacing_same_type, "post_values")


@compiles(OnConflict)
def _write_on_conflict(clause: OnConflict, compiler: SQLCompiler, **_: Any) -> str:
    quote = compiler.preparer.quote
    keys = ", ".join(map(quote, clause.keys))
    if not clause.updated:
        return f"ON CONFLICT ({keys}) DO NOTHING"
    values = ", ".join(f"{quote(column)} = excluded.{quote(column)}" for column in clause.updated)
    return f"ON CONFLICT ({keys}) DO UPDATE SET {values}"


class JsonItems(FunctionElement[str]):
    """The items of a JSON list as a table: how a statement that is compiled once takes any number of values."""

    name = "json_items"
    inherit_cache = True


@compiles(JsonItems)
def _write_json_items(items: JsonItems, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(items.clauses, **kw)})"


@compiles(JsonItems, "postgresql")
def _write_json_items_for_postgres(items: JsonItems, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(items.clauses, **kw)} AS JSON))"


class JsonPart(FunctionElement[int]):
    """One number of a JSON list that is itself an item of `JsonItems`: `JsonPart(item, 0)` is the first."""

    name = "json_part"
    type = BigInteger()
    inherit_cache = False

    def __init__(self, item: ColumnElement[str], place: int) -> None:
        super().__init__(item)
        self.place = place


class JsonWord(FunctionElement[str]):
    """The same for a text."""

    name = "json_word"
    type = Text()
    inherit_cache = False

    def __init__(self, item: ColumnElement[str], place: int) -> None:
        super().__init__(item)
        self.place = place


@compiles(JsonPart)
@compiles(JsonWord)
def _write_json_part(part: JsonPart | JsonWord, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({compiler.process(part.clauses, **kw)}, '$[{part.place}]')"


@compiles(JsonPart, "postgresql")
def _write_json_part_for_postgres(part: JsonPart, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(CAST({compiler.process(part.clauses, **kw)} AS JSON) ->> {part.place} AS BIGINT)"


@compiles(JsonWord, "postgresql")
def _write_json_word_for_postgres(word: JsonWord, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(CAST({compiler.process(word.clauses, **kw)} AS JSON) ->> {word.place})"


class Quickest(FunctionElement[int]):
    """One number, written as each database finds it the quickest."""

    name = "quickest"
    type = BigInteger()
    inherit_cache = True

    def __init__(self, *, sqlite: ColumnElement[int], postgresql: ColumnElement[int]) -> None:
        super().__init__(sqlite, postgresql)


@compiles(Quickest)
def _write_quickest(quickest: Quickest, compiler: SQLCompiler, **kw: Any) -> str:
    on_sqlite, _ = quickest.clauses
    return compiler.process(on_sqlite, **kw)


@compiles(Quickest, "postgresql")
def _write_quickest_on_postgres(quickest: Quickest, compiler: SQLCompiler, **kw: Any) -> str:
    _, on_postgres = quickest.clauses
    return compiler.process(on_postgres, **kw)


TABLE_NAMES: dict[DialectName, Executable] = {
    "sqlite": text("SELECT name FROM sqlite_master WHERE type = 'table'"),
    "postgresql": text("SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"),
}

POSTGRES_MAY_READ_IDENTIFIER = text("SELECT has_function_privilege('pg_control_system()', 'execute')")
POSTGRES_IDENTITY = text(
    "SELECT (SELECT system_identifier FROM pg_control_system())::text, current_database()::text, current_schema()::text"
)
POSTGRES_ADDRESS = text(
    "SELECT coalesce(host(inet_server_addr()), '') || ':' || current_setting('port'), current_database()::text, "
    "current_schema()::text"
)
POSTGRES_MIGRATION_LOCK = text("SELECT pg_advisory_xact_lock(:key)").bindparams(bindparam("key", type_=BigInteger))
