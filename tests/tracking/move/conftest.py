"""Installs of OSRS Diff with made-up players: a Postgres database with its schema, and the looks that filled it."""

import json
import random
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Table, select

from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.metrics import KNOWN, MetricKind
from osrsdiff.game.snapshots import difference
from osrsdiff.hiscores.parser import parse
from osrsdiff.storage import history, moves, sheets
from osrsdiff.storage import players as table
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import changes, current_values, metrics, player_states, players, snapshots
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.move.moving import Stages, move_from
from osrsdiff.tracking.move.report import MoveReport

START = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)

PLAYERS = """
CREATE TABLE players (
    id SERIAL PRIMARY KEY,
    username VARCHAR(12) UNIQUE NOT NULL,
    created_at {time} DEFAULT now(),
    last_fetched {time},
    is_active BOOLEAN DEFAULT true{newer}
)
"""
NEWER = """,
    fetch_interval_minutes INTEGER DEFAULT 60,
    schedule_id VARCHAR(255),
    game_mode VARCHAR(32)
"""
RECORDS = """
CREATE TABLE hiscore_records (
    id SERIAL PRIMARY KEY,
    player_id INTEGER REFERENCES players(id),
    fetched_at {time},
    overall_rank INTEGER,
    overall_level INTEGER,
    overall_experience BIGINT,
    skills_data {json},
    bosses_data {json}
)
"""

Look = tuple[datetime, bytes]


@dataclass
class OldInstall:
    """A database of the predecessor's. `json`, `time`: the types of its columns."""

    url: str
    link: Any
    json: str = "JSONB"
    time: str = "TIMESTAMPTZ"
    looks: dict[str, list[Look]] = field(default_factory=dict)

    async def make(self, *, newer: bool = True) -> None:
        """Makes the tables; `newer` with the columns that came later."""
        await self.link.execute(PLAYERS.format(time=self.time, newer=NEWER if newer else ""))
        await self.link.execute(RECORDS.format(time=self.time, json=self.json))

    async def add(self, username: str, **columns: object) -> int:
        """A player; its id."""
        names = ["username", *columns]
        places = ", ".join(f"${place}" for place in range(1, len(names) + 1))
        values = [self._time(value) for value in (username, *columns.values())]
        statement = f"INSERT INTO players ({', '.join(names)}) VALUES ({places}) RETURNING id"
        return int(await self.link.fetchval(statement, *values))

    async def record(
        self,
        player_id: int,
        at: datetime | None,
        *,
        overall: tuple[Any, Any, Any] = (1, 1_000, 50_000_000),
        skills: object = None,
        bosses: object = None,
    ) -> int:
        """A record; its id. What is given as text is stored as it is."""
        texts = [one if isinstance(one, str) or one is None else json.dumps(one) for one in (skills, bosses)]
        row = [player_id, self._time(at), *overall, *texts]
        return int(await self.link.fetchval(self._insert() + " RETURNING id", *row))

    async def fill(self, username: str, made: list[Look], **columns: object) -> int:
        """A player with the records that these looks have left; its id."""
        given: dict[str, object] = {"created_at": made[0][0], "last_fetched": made[-1][0], **columns}
        player_id = await self.add(username, **given)
        rows = [(player_id, self._time(at), *old_record(body)) for at, body in made]
        await self.link.executemany(self._insert(), rows)
        self.looks[username] = made
        return player_id

    async def rows(self) -> list[tuple[Any, ...]]:
        """All that is in it."""
        found = []
        for name in ("players", "hiscore_records"):
            found += [tuple(row) for row in await self.link.fetch(f"SELECT * FROM {name} ORDER BY id")]
        return found

    def _insert(self) -> str:
        return (
            "INSERT INTO hiscore_records (player_id, fetched_at, overall_rank, overall_level, overall_experience, "
            f"skills_data, bosses_data) VALUES ($1, $2, $3, $4, $5, $6::text::{self.json}, $7::text::{self.json})"
        )

    def _time(self, value: Any) -> Any:
        is_plain = isinstance(value, datetime) and self.time == "TIMESTAMP"
        return value.replace(tzinfo=None) if is_plain else value


def old_record(body: bytes) -> tuple[Any, ...]:
    """What the predecessor keeps of an answer."""
    page = json.loads(body)
    skills = {
        old_name(s["name"]): _nulled(rank=s["rank"], level=s["level"], experience=s["xp"]) for s in page["skills"]
    }
    bosses = {old_name(a["name"], "-"): _nulled(rank=a["rank"], kc=a["score"]) for a in page["activities"]}
    overall = skills.pop("overall")
    return overall["rank"], overall["level"], overall["experience"], json.dumps(skills), json.dumps(bosses)


def old_name(name: str, also: str = "") -> str:
    """A hiscores name as the predecessor spells it."""
    return re.sub(f"[ {also}]", "_", name.lower())


def _nulled(**values: int) -> dict[str, int | None]:
    return {name: None if value == -1 else value for name, value in values.items()}


class Account:
    """Somebody who plays, by the dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        skills = [m.name for m in KNOWN if m.kind is MetricKind.SKILL and m.key != "overall"]
        self.xp = {name: self.dice.choice([-1, 0, *[self.dice.randrange(1, 14_000_000)] * 6]) for name in skills}
        names = [m.name for m in KNOWN if m.kind is not MetricKind.SKILL]
        self.scores = {name: self.dice.choice([-1, 0, 0, 0, self.dice.randrange(1, 3_000)]) for name in names}

    def play(self) -> None:
        """Most looks see nothing new but ranks; now and then something is hidden, falls, or is new in the game."""
        if self.dice.random() < 0.4:
            return
        for _ in range(self.dice.randrange(1, 6)):
            of = self.xp if self.dice.random() < 0.5 else self.scores
            name = self.dice.choice(list(of))
            chance = self.dice.random()
            if chance < 0.03:
                of[name] = -1
            elif chance < 0.05:
                of[name] = of[name] // 2
            else:
                of[name] = max(of[name], 0) + self.dice.randrange(1, 5_000)
        if self.dice.random() < 0.01:
            self.scores.setdefault("Moon Wyrm: Hard Mode", 3)

    def body(self) -> bytes:
        """What the hiscores answer."""
        skills = [self._skill(name, xp) for name, xp in self.xp.items()]
        total = sum(max(0, xp) for xp in self.xp.values())
        level = sum(skill["level"] for skill in skills)
        overall = {"id": 0, "name": "Overall", "rank": self._rank(), "level": level, "xp": total}
        scores = [
            {"id": 0, "name": name, "rank": self._rank(score), "score": score} for name, score in self.scores.items()
        ]
        return json.dumps({"name": "x", "skills": [overall, *skills], "activities": scores}).encode()

    def _skill(self, name: str, xp: int) -> dict[str, Any]:
        return {"id": 0, "name": name, "rank": self._rank(xp), "level": level_for_xp(max(xp, 0)), "xp": xp}

    def _rank(self, value: int = 1_000) -> int:
        return self.dice.randrange(1, 2_000_000) if value > 5 else -1


def made_up_looks(
    seed: int, count: int, start: datetime = START, every: timedelta = timedelta(minutes=30)
) -> list[Look]:
    """So many looks at somebody; now and then two fall into one second."""
    account = Account(seed)
    looks: list[Look] = []
    at = start
    for _ in range(count):
        looks.append((at, account.body()))
        account.play()
        at += timedelta(milliseconds=300) if account.dice.random() < 0.03 else every
    return looks


@pytest.fixture
def made_up() -> Callable[..., list[Look]]:
    return made_up_looks


@asynccontextmanager
async def fresh_install(postgres_url: str) -> AsyncIterator[OldInstall]:
    name = f"old_{secrets.token_hex(4)}"
    server = await asyncpg.connect(postgres_url)
    await server.execute(f"CREATE DATABASE {name}")
    url = postgres_url.replace("/postgres?", f"/{name}?")
    link = await asyncpg.connect(url)
    try:
        yield OldInstall(url, link)
    finally:
        await link.close()
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


@pytest.fixture
async def old_install(postgres_url: str) -> AsyncIterator[OldInstall]:
    """An empty database for an install of the predecessor's; `make` makes its tables."""
    async with fresh_install(postgres_url) as install:
        yield install


@pytest.fixture
async def another_install(postgres_url: str) -> AsyncIterator[OldInstall]:
    """A second one, in a database of its own."""
    async with fresh_install(postgres_url) as install:
        yield install


@pytest.fixture
def move(instance: Instance, old_install: OldInstall, quiet: Stages) -> Callable[..., Awaitable[MoveReport]]:
    """Moves the old install in."""

    async def run(**options: Any) -> MoveReport:
        return await move_from(instance, options.pop("url", old_install.url), stages=quiet, **options)

    return run


@pytest.fixture
def between(instance: Instance) -> Callable[..., None]:
    """Does `act` once, before the write after so many."""

    def hook(act: Callable[[], Awaitable[None]], *, after: int = 0) -> None:
        original = instance.db.write_together
        writes = 0

        async def write_together(steps: Any) -> bool:
            nonlocal writes
            if any(step.statement is moves._PROGRESS for step in steps):
                writes += 1
                if writes == after + 1:
                    await act()
            return await original(steps)

        instance.db.write_together = write_together  # type: ignore[method-assign]

    return hook


@pytest.fixture
def other_db(tmp_path: Path, migrated_sqlite: Path) -> str:
    """A second instance's database, which watches for itself what the first gets moved."""
    (tmp_path / "other").mkdir()
    path = tmp_path / "other" / "osrsdiff.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def quiet() -> Stages:
    """Nobody is told how far it is."""
    return lambda _: nullcontext(lambda *_: None)


@pytest.fixture
def watch() -> Callable[..., Awaitable[None]]:
    """Stores looks as fetches do."""

    async def store(db: Database, player: Player, looks: list[Look]) -> None:
        for at, body in looks:
            seen = parse(body)
            async with db.reading() as conn:
                state = await history.load_state(conn, player.id)
            found = difference(state, seen.sheet, at)
            version = state.version if state else 0
            assert await history.store_look_together(
                db, player.id, found, expected_version=version, new_metrics=seen.new_metrics
            )

    return store


@pytest.fixture
def rows_of() -> Callable[[Database], Awaitable[dict[str, list[Any]]]]:
    """All that a database holds of players, with names and keys instead of ids, which no two databases share."""

    async def rows(db: Database) -> dict[str, list[Any]]:
        async with db.reading() as conn:
            names = dict(await conn.all(select(players.c.id, players.c.username)))
            keys = dict(await conn.all(select(metrics.c.id, metrics.c.key)))
            found: dict[str, list[Any]] = {"metrics": sorted(keys.values())}
            for of in (players, snapshots, changes, current_values, player_states):
                found[of.name] = sorted((_named(of, row, names, keys) for row in await conn.all(select(of))), key=repr)
        return found

    def _named(of: Table, row: tuple[Any, ...], names: dict[int, str], keys: dict[int, str]) -> dict[str, Any]:
        named = dict(zip(of.c.keys(), row, strict=True))
        for column in ("id", "schedule_id"):
            named.pop(column, None)
        if "player_id" in named:
            named["player_id"] = names[named["player_id"]]
        if "metric_id" in named:
            named["metric_id"] = keys[named["metric_id"]]
        if "sheet" in named:
            named["sheet"] = {keys[number]: reading for number, reading in sheets.decode(named["sheet"]).items()}
        for column in ("is_active", "has_fall"):
            if column in named:
                named[column] = bool(named[column])
        return named

    return rows


@pytest.fixture
def add_tracked() -> Callable[..., Awaitable[Player]]:
    """A player who is tracked here."""

    async def add(db: Database, name: str, created_at: datetime, minutes: int = 60) -> Player:
        async with db.writing() as conn:
            return await table.add(
                conn, username=name.lower(), display_name=name, interval_minutes=minutes, now=created_at
            )

    return add
