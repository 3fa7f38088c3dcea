"""What checking game modes costs beside the fetches of hourly ironmen, and what it costs those.

    python tests/bench/modes.py [--players 1000] [--seconds 240]

Two parts, both through the real fetch path, with a Redis and a SQLite of their own and the simulated hiscores:

    a day     each player is looked at once an hour, on a clock that runs as fast as the looks are done, then the check
              of 02:00 runs; it counts what that asked. Equal parts play daily (95 % of days), in the evenings (70 %),
              at weekends (30 %), seldom (5 %) and never; one in five is a hardcore, one in twenty an ultimate
    the beat  in real time, at one request a second: fetches fall due as those players' do, without a check and beside
              one that never ends; it measures from when a fetch falls due until it is stored
"""

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import harness
import seeded
import uvloop

from osrsdiff import config as configuration
from osrsdiff.demo import clocks
from osrsdiff.demo.characters import DAILY, EVENINGS, SELDOM, WEEKENDS
from osrsdiff.demo.crowd import iron_character
from osrsdiff.demo.rhythm import NEVER
from osrsdiff.demo.server import Simulation
from osrsdiff.demo.world import World
from osrsdiff.game.modes import SECOND_LOOK_AFTER, GameMode
from osrsdiff.game.reckoning import RULES
from osrsdiff.storage import players as table
from osrsdiff.storage import reckoning
from osrsdiff.storage.engine import Database
from osrsdiff.tracking.fetch import Fetcher, fetch_player, open_fetcher
from osrsdiff.tracking.instance import open_instance
from osrsdiff.tracking.modes import check_modes

EPOCH = datetime(2026, 2, 2, tzinfo=UTC)
START = EPOCH + timedelta(days=9, hours=1, minutes=30)
"""When every mode is found, before a check falls due: the next day's has to do with all who have not played since."""
DAY_BEGINS = START + timedelta(minutes=31)
HOUR = timedelta(hours=1)
HOURS = 24
PACE_PER_S = 1.0
RHYTHMS = {DAILY: "daily", EVENINGS: "evenings", WEEKENDS: "weekends", SELDOM: "seldom", NEVER: "never"}
KINDS = ("none", "main", "main, own", "more")
"""What a check asked for one player: nothing, as its own row went on; main; its own table too; all that can decide."""

Asked = Counter[tuple[str, GameMode]]


class Beat(NamedTuple):
    """How late fetches were, in seconds, and how many requests a check had meanwhile."""

    lags_s: list[float]
    checked: int


class Stage(NamedTuple):
    """What both parts need. `ids`: of the players, by name."""

    data_dir: Path
    hiscores: Simulation
    ids: Mapping[str, int]


@asynccontextmanager
async def fetching(stage: Stage, per_s: float) -> AsyncIterator[Fetcher]:
    """A fetcher on the simulation's clock, whose budget is so many requests a second."""
    environment = {
        "OSRSDIFF_HISCORES__BASE_URL": stage.hiscores.url,
        "OSRSDIFF_HISCORES__REQUESTS_PER_SECOND": str(per_s),
    }
    config = configuration.load(data_dir=stage.data_dir, environment=environment)
    async with open_instance(config) as instance, open_fetcher(instance) as fetcher:
        yield replace(fetcher, clock=stage.hiscores.now, ask_for_mode_checks=_nothing)


async def _nothing() -> None:
    pass


async def run(players: int, seconds: float) -> None:
    """Both parts, one after the other, and their tables."""
    async with AsyncExitStack() as resources:
        stage = await _set(resources, players)
        async with fetching(stage, per_s=100_000) as fetcher:
            await _look_at_all(stage, fetcher, timedelta())
            begun = Counter(stage.hiscores.asked)
            await _check(stage, fetcher)
            first = stage.hiscores.asked - begun
            stage.hiscores.advance(DAY_BEGINS - START)
            for _ in range(HOURS):
                await _look_at_all(stage, fetcher, HOUR)
            begun = Counter(stage.hiscores.asked)
            await _check(stage, fetcher)
            show_day(stage, first, stage.hiscores.asked - begun)
            stage.hiscores.advance(timedelta(days=2))
        async with fetching(stage, PACE_PER_S) as fetcher:
            alone = await _beat(stage, fetcher, seconds, checks=False)
            beside = await _beat(stage, fetcher, seconds, checks=True)
        show_beat(players, alone, beside)


async def _set(resources: AsyncExitStack, players: int) -> Stage:
    data_dir = resources.enter_context(harness.directory()) / "data"
    database = seeded.migrated(data_dir)
    resources.enter_context(harness.redis_server(data_dir))
    simulation = Simulation(World(epoch=EPOCH), clock=clocks.fixed(START))
    hiscores = await resources.enter_async_context(simulation)
    async with await Database.connect(database) as db:
        return Stage(data_dir, hiscores, await _added(db, players))


async def _added(db: Database, players: int) -> dict[str, int]:
    ids = {}
    async with db.writing() as connection:
        for name in (f"iron {number}" for number in range(players)):
            player = await table.add(connection, username=name, display_name=name, interval_minutes=60, now=START)
            ids[name] = player.id
        await connection.run_all([reckoning.reckoned(player_id, RULES) for player_id in ids.values()])
    return ids


# --- a day


async def _look_at_all(stage: Stage, fetcher: Fetcher, within: timedelta) -> None:
    """A look at each player, evenly over that time."""
    for player_id in stage.ids.values():
        stage.hiscores.advance(within / len(stage.ids))
        await fetch_player(fetcher, player_id)


async def _check(stage: Stage, fetcher: Fetcher) -> None:
    """The check of 02:00, and the second looks that it asks for."""
    while (await check_modes(fetcher, within_s=3_600)).pending:
        stage.hiscores.advance(SECOND_LOOK_AFTER)


def kind_of(name: str, asked: Asked) -> str:
    """What a check asked for one player."""
    tables = {table for table in GameMode if asked[name, table]}
    own = {GameMode.REGULAR, iron_character(_number(name)).mode}
    if tables == own and sum(asked[name, table] for table in own) == len(own):
        return "main, own"
    return "none" if not tables else "main" if tables == {GameMode.REGULAR} else "more"


def show_day(stage: Stage, first: Asked, daily: Asked) -> None:
    """The table of requests."""
    rows = []
    for rhythm, title in RHYTHMS.items():
        names = [name for name in stage.ids if iron_character(_number(name)).rhythm is rhythm]
        rows.append(_day_row(title, names, daily))
    rows.append(_day_row("all", list(stage.ids), daily))
    harness.show_table("Checks of a day, by what they asked", ["plays", "players", *KINDS, "requests"], rows)
    looks = HOURS * len(stage.ids)
    share = f"{100 * daily.total() / looks:.1f} % of {looks:,} fetches"
    harness.show(
        "Requests",
        [("extra, a day", f"{daily.total():,}, {share}"), ("once, to find every mode", f"{first.total():,}")],
    )


def _day_row(title: str, names: Sequence[str], asked: Asked) -> list[str]:
    kinds = Counter(kind_of(name, asked) for name in names)
    requests = sum(asked[name, table] for name in names for table in GameMode)
    return [title, *(f"{count:,}" for count in (len(names), *(kinds[kind] for kind in KINDS), requests))]


def _number(name: str) -> int:
    return int(name.rpartition(" ")[2])


# --- the beat


async def _beat(stage: Stage, fetcher: Fetcher, seconds: float, *, checks: bool) -> Beat:
    """How late fetches are that fall due evenly, as often as all players' do."""
    every_s = HOUR.total_seconds() / len(stage.ids)
    before = stage.hiscores.requests.total()
    check = asyncio.create_task(_check_for_ever(stage, fetcher)) if checks else None
    begun = time.monotonic() + every_s
    ids, count = list(stage.ids.values()), max(1, int(seconds / every_s))
    lags = await asyncio.gather(
        *(_lag_s(fetcher, ids[place % len(ids)], begun + place * every_s) for place in range(count))
    )
    if check is not None:
        check.cancel()
        await asyncio.wait([check])
    return Beat(sorted(lags), stage.hiscores.requests.total() - before - len(lags))


async def _check_for_ever(stage: Stage, fetcher: Fetcher) -> None:
    """A check that has always more to do."""
    while True:
        await check_modes(fetcher)
        stage.hiscores.advance(timedelta(days=2))


async def _lag_s(fetcher: Fetcher, player_id: int, due: float) -> float:
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    await fetch_player(fetcher, player_id)
    return time.monotonic() - due


def show_beat(players: int, alone: Beat, beside: Beat) -> None:
    """The table of lags."""
    rows = [
        [title, str(len(beat.lags_s)), str(beat.checked), *(f"{1_000 * _part(beat, part):,.0f}" for part in (50, 99))]
        for title, beat in (("fetches alone", alone), ("beside a check", beside))
    ]
    title = f"{players:,} hourly players at {PACE_PER_S:.0f} request a second"
    harness.show_table(title, ["", "fetches", "other requests", "lag p50 ms", "lag p99 ms"], rows)


def _part(beat: Beat, percent: int) -> float:
    return beat.lags_s[min(len(beat.lags_s) - 1, len(beat.lags_s) * percent // 100)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--players", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=240.0, help="how long each half of the beat is measured")
    given = parser.parse_args()
    uvloop.run(run(given.players, given.seconds))


if __name__ == "__main__":
    main()
