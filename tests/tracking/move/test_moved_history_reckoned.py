"""Records and achievements of players whose looks here were stored first, and their older ones brought in after."""

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from osrsdiff.game.achievements import rules_for
from osrsdiff.game.events import KIND_CODES, EventKind
from osrsdiff.game.metrics import SKILLS
from osrsdiff.hiscores.parser import parse
from osrsdiff.storage import achievements, history, records, tables
from osrsdiff.storage.players import Player
from osrsdiff.tracking import looks
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.reckoning import rebuild, reckon_pending

sys.path.insert(0, str(Path(__file__).parents[2] / "reference"))

from model import History, Reached, Record
from stored import rows_of

Looks = list[tuple[datetime, bytes]]


async def see(instance: Instance, player: Player, seen: Looks) -> None:
    """Stores looks as fetches do."""
    for at, body in seen:
        async with instance.db.reading() as conn:
            state = await history.load_state(conn, player.id)
        await looks.store(instance.db, player.id, state, parse(body), at)


def merged(seen: Looks) -> History:
    """All the looks in the order of their times, as the reference takes them."""
    whole = History(set(SKILLS))
    for at, body in seen:
        whole.see(at.timestamp(), parse(body).sheet)
    return whole


async def test_what_older_looks_change_is_reckoned(
    instance: Instance, old_install: Any, move: Any, made_up: Callable[..., Looks],
    add_tracked: Callable[..., Awaitable[Player]],
) -> None:  # fmt: skip
    await old_install.make()
    players = []
    for seed in range(3):
        seen = made_up(seed, 24, every=timedelta(hours=5))
        await old_install.fill(f"player {seed}", seen[:18])
        player = await add_tracked(instance.db, f"Player {seed}", seen[18][0])
        await see(instance, player, seen[18:])
        players.append((player, merged(seen)))
    await move()
    await reckon_pending(instance)
    for player, whole in players:
        async with instance.db.reading() as conn:
            of_player = await records.of_player(conn, player.id)
            reached = await achievements.of_player(conn, player.id)
        assert {(one.metric, one.period.value): plain(one) for one in of_player} == whole.records()
        rules = [rule for metric in whole.metrics() for rule in rules_for(metric)]
        assert {
            (one.metric, one.measure.value, one.threshold): Reached(seconds(one.at), seconds(one.after))
            for one in reached
        } == (expected := whole.achievements((rule.metric, rule.measure.value, rule.threshold) for rule in rules))
        told = await rows_of(instance.db, player, tables.events, "key", "detail", "value", "at", "after_at", "kind")
        code = KIND_CODES[EventKind.ACHIEVEMENT]
        assert sorted(row[:-1] for row in told if row[-1] == code) == sorted(
            (*rule, *dates) for rule, dates in expected.items() if dates.at is not None
        )
    assert (await rebuild(instance, None, dry_run=True)).differences == 0


def plain(record: records.Record) -> Record:
    return Record(record.gained, int(record.start.timestamp()), int(record.end.timestamp()))


def seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
