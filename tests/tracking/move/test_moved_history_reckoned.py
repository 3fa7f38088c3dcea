"""Records and achievements of players whose looks here were stored first, and their older ones brought in after."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from model import History, Reached
from recorded import Record
from sqlalchemy import func, select
from stored import rows_of

from osrsdiff.game.events import KIND_CODES, EventKind
from osrsdiff.game.metrics import SKILLS
from osrsdiff.game.thresholds import rules_for
from osrsdiff.hiscores.parser import parse
from osrsdiff.storage import achievements, history, records, tables
from osrsdiff.storage.players import Player
from osrsdiff.tracking import looks
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.players import get_player
from osrsdiff.tracking.reckoning import rebuild, reckon_pending

Looks = list[tuple[datetime, bytes]]


async def see(instance: Instance, player: Player, seen: Looks) -> None:
    """Stores looks as fetches do."""
    for at, body in seen:
        async with instance.db.reading() as conn:
            state = await history.load_state(conn, player.id)
        await looks.store(instance.db, player, state, parse(body), at)


def merged(seen: Looks) -> History:
    """All the looks in the order of their times, as the reference takes them."""
    whole = History(set(SKILLS))
    for at, body in seen:
        whole.see(at.timestamp(), parse(body).sheet)
    return whole


async def unreckoned(instance: Instance) -> list[str]:
    async with instance.db.reading() as conn:
        found = await conn.all(select(tables.players.c.username).where(tables.players.c.reckoned_by.is_(None)))
    return sorted(name for (name,) in found)


async def test_what_older_looks_change_is_reckoned(
    instance: Instance, old_install: Any, move: Any, made_up: Callable[..., Looks],
    add_tracked: Callable[..., Awaitable[Player]],
) -> None:  # fmt: skip
    await old_install.make()
    expected = {}
    for seed in range(3):
        name, seen = f"player {seed}", made_up(seed, 24, every=timedelta(hours=5))
        await old_install.fill(name, [*seen[:18], *in_between(made_up(seed + 10, 6), seen[18:])])
        player = await add_tracked(instance.db, name, seen[18][0])
        await see(instance, player, seen[18:])
        expected[name] = merged(seen)
    new = made_up(3, 50)
    await old_install.fill("new here", new)
    expected["new here"] = merged(new)
    assert await unreckoned(instance) == []
    await move()
    assert await unreckoned(instance) == sorted(expected)
    await reckon_pending(instance)
    assert await unreckoned(instance) == []
    for name, whole in expected.items():
        await check_it_is_as_if_all_had_been_watched(instance, await get_player(instance, name), whole)
    assert (await rebuild(instance, None, dry_run=True)).differences == 0
    await check_who_fell_is_known(instance)


async def check_who_fell_is_known(instance: Instance) -> None:
    """Each player's last fall stands in its row."""
    falls = select(tables.snapshots.c.player_id, func.max(tables.snapshots.c.taken_at))
    async with instance.db.reading() as conn:
        found = await conn.all(falls.where(tables.snapshots.c.has_fall).group_by(tables.snapshots.c.player_id))
        noted = await conn.all(select(tables.players.c.id, tables.players.c.fell_at))
    assert found
    assert dict(found) == {number: at for number, at in noted if at is not None}


def in_between(bodies: Looks, seen: Looks) -> Looks:
    """Looks of somebody else's, each half an hour after one that was stored here: they are not to come in."""
    return [(at + timedelta(minutes=30), body) for (at, _), (_, body) in zip(seen, bodies, strict=True)]


async def check_it_is_as_if_all_had_been_watched(instance: Instance, player: Player, whole: History) -> None:
    async with instance.db.reading() as conn:
        of_player = await records.of_player(conn, player.id)
        reached = await achievements.of_player(conn, player.id)
    assert of_player
    assert {(one.metric, one.period.value): plain(one) for one in of_player} == whole.records()
    rules = [rule for metric in whole.metrics() for rule in rules_for(metric)]
    expected = whole.achievements((rule.metric, rule.measure.value, rule.threshold) for rule in rules)
    assert expected
    assert {
        (one.metric, one.measure.value, one.threshold): Reached(seconds(one.at), seconds(one.after)) for one in reached
    } == expected
    told = await rows_of(instance.db, player, tables.events, "key", "detail", "value", "at", "after_at", "kind")
    code = KIND_CODES[EventKind.ACHIEVEMENT]
    assert sorted(row[:-1] for row in told if row[-1] == code) == sorted(
        (*rule, *dates) for rule, dates in expected.items() if dates.at is not None
    )


def plain(record: records.Record) -> Record:
    return Record(record.gained, int(record.start.timestamp()), int(record.end.timestamp()))


def seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
