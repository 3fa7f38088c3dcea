"""Checks of game modes: when they are asked for, what a run gets done, and what they leave alone.

What becomes of modes, story by story, is played in `identity`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import null, update
from taskiq import Context

from osrsdiff import worker
from osrsdiff.demo import clocks
from osrsdiff.demo.characters import Character
from osrsdiff.demo.faults import Fault, FaultKind
from osrsdiff.demo.rhythm import ALWAYS, NEVER
from osrsdiff.demo.server import Simulation
from osrsdiff.demo.world import World
from osrsdiff.errors import DatabaseUnreachable, Deferred, Outcome, RedisUnreachable, UserError
from osrsdiff.game.modes import SECOND_LOOK_AFTER, GameMode, Verdict
from osrsdiff.hiscores.budget import RequestBudget
from osrsdiff.hiscores.client import HiscoresClient
from osrsdiff.scheduling.constants import CHECK_MODE_TASK, CHECK_MODES_TASK, SPARE
from osrsdiff.storage import jobs as job_runs
from osrsdiff.storage.epoch import seconds
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import players as table
from osrsdiff.tracking import jobs
from osrsdiff.tracking.fetch import Fetcher, FetchReport, fetch_player
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.modes import (
    MOST_REQUESTS,
    check_mode,
    check_modes,
    check_outcome,
    enqueue_check,
    mode_history,
)
from osrsdiff.tracking.players import add_player, get_player, pause_player, remove_player
from osrsdiff.tracking.snapshots import list_snapshots

EPOCH = datetime.fromisoformat("2026-03-02T00:00:00Z")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ENOUGH = 6 * MINUTE
REGULAR, IRONMAN, HARDCORE = GameMode.REGULAR, GameMode.IRONMAN, GameMode.HARDCORE


def plays(name: str, mode: GameMode = REGULAR, **given: Any) -> Character:
    return Character(name=name, story="", mode=mode, **{"rhythm": ALWAYS, "levels": (60, 75), **given})


CAST = (
    plays("Oak", trains={"Fishing": 500_000}),
    plays("Busy Iron", IRONMAN, trains={"Fishing": 500_000}),
    plays("Idle Iron", IRONMAN, rhythm=NEVER),
    plays("Hard Moth", HARDCORE, trains={"Fishing": 500_000}),
    plays("Lost Iron", IRONMAN, absent=frozenset({REGULAR})),
    plays("Dead Vow", HARDCORE, trains={"Fishing": 500_000}, frozen={HARDCORE: timedelta(hours=1.5)}),
    plays("Slip Iron", IRONMAN, trains={"Fishing": 500_000}, rolled_back={2.5 * HOUR: 2 * HOUR}),
)


@pytest.fixture
async def hiscores() -> AsyncIterator[Simulation]:
    async with Simulation(World(clan=CAST, epoch=EPOCH), clock=clocks.fixed(EPOCH)) as simulation:
        yield simulation


@pytest.fixture
def asked() -> list[str]:
    """The runs of the job that were asked for."""
    return []


@pytest.fixture
async def fetcher(fetcher: Fetcher, instance: Instance, hiscores: Simulation, asked: list[str]) -> Fetcher:
    """The real one, on the simulation's clock, that takes note of what it asks for; its bucket is full."""

    async def ask() -> None:
        asked.append(CHECK_MODES_TASK)

    await instance.redis.hset(f"{instance.prefix}budget", mapping={"slot": 0, "at": 0, "epoch": 1})
    return replace(fetcher, clock=hiscores.now, ask_for_mode_checks=ask)


Seen = Callable[..., Awaitable[Player]]


@pytest.fixture
def seen(instance: Instance, fetcher: Fetcher) -> Seen:
    """Adds a player and looks at it; with `checks`, until its mode is known."""

    async def make(name: str, *, checks: bool = False) -> Player:
        player = (await add_player(instance, name)).player
        await look(fetcher, player)
        if checks:
            await check_mode(fetcher, player.id)
        return await get_player(instance, name)

    return make


async def look(fetcher: Fetcher, player: Player) -> FetchReport:
    report = await fetch_player(fetcher, player.id)
    assert report is not None
    return report


async def set_row(instance: Instance, player: Player, **values: Any) -> None:
    async with instance.db.writing() as conn:
        await conn.run(update(table).where(table.c.id == player.id).values(**values), values)


# --- when a check is asked for


async def test_the_first_look_of_a_new_player_asks_for_a_check(fetcher: Fetcher, seen: Seen, asked: list[str]) -> None:
    oak = await seen("Oak")
    assert asked == [CHECK_MODES_TASK]
    await look(fetcher, oak)
    assert asked == [CHECK_MODES_TASK]


async def test_a_look_asks_for_the_second_look_when_it_is_time(
    instance: Instance, fetcher: Fetcher, seen: Seen, hiscores: Simulation, asked: list[str]
) -> None:
    oak = await seen("Oak", checks=True)
    asked.clear()
    await look(fetcher, oak)
    assert asked == []
    hiscores.advance(ENOUGH)
    await look(fetcher, oak)
    await set_row(instance, oak, flagged_at=seconds(hiscores.now()))
    await look(fetcher, oak)
    assert asked == [CHECK_MODES_TASK]


async def test_a_look_is_stored_while_nobody_can_be_asked(fetcher: Fetcher, instance: Instance) -> None:
    async def away() -> None:
        raise RedisUnreachable("gone")

    oak = (await add_player(instance, "Oak")).player
    report = await look(replace(fetcher, ask_for_mode_checks=away), oak)
    assert (report.outcome, report.first_look) == (Outcome.CHANGED, True)


# --- which table a fetch reads


@pytest.mark.parametrize(
    ("name", "is_seen", "gone_from", "asked_for"),
    [
        ("Oak", False, None, [REGULAR]),
        ("Oak", False, REGULAR, [REGULAR, IRONMAN]),
        ("Oak", True, REGULAR, [REGULAR]),
        ("Lost Iron", False, None, [REGULAR, IRONMAN]),
        ("Busy Iron", True, None, [IRONMAN]),
        ("Busy Iron", True, IRONMAN, [IRONMAN, REGULAR]),
        ("Hard Moth", True, HARDCORE, [HARDCORE, REGULAR]),
    ],
)
async def test_which_tables_a_fetch_asks(
    instance: Instance,
    fetcher: Fetcher,
    seen: Seen,
    hiscores: Simulation,
    name: str,
    is_seen: bool,
    gone_from: GameMode | None,
    asked_for: list[GameMode],
) -> None:
    player = await seen(name, checks=True) if is_seen else (await add_player(instance, name)).player
    if gone_from:
        hiscores.faults.add(Fault(FaultKind.NOT_FOUND, table=gone_from))
    hiscores.asked.clear()
    hiscores.advance(HOUR)
    await look(fetcher, player)
    assert {mode: hiscores.asked[player.username, mode] for mode in asked_for} == dict.fromkeys(asked_for, 1)
    assert hiscores.asked.total() == len(asked_for)


@pytest.mark.parametrize(
    ("name", "mode", "gone_from"),
    [("Busy Iron", IRONMAN, IRONMAN), ("Hard Moth", HARDCORE, HARDCORE), ("Hard Moth", HARDCORE, IRONMAN)],
)
async def test_a_table_that_forgets_people_for_hours_makes_nobody_another(
    instance: Instance,
    fetcher: Fetcher,
    seen: Seen,
    hiscores: Simulation,
    name: str,
    mode: GameMode,
    gone_from: GameMode,
) -> None:
    player = await seen(name, checks=True)
    hiscores.faults.add(Fault(FaultKind.NOT_FOUND, table=gone_from))
    hiscores.advance(HOUR)
    await set_row(instance, player, mode_pending=mode.value, mode_pending_at=seconds(EPOCH))
    for _ in range(3):
        assert (await look(fetcher, player)).outcome is Outcome.CHANGED
        assert (await check(fetcher, player)).verdict is None
        hiscores.advance(13 * HOUR)
    hiscores.faults.clear()
    hiscores.asked.clear()
    await look(fetcher, player)
    assert hiscores.asked.total() == 1
    assert (await check(fetcher, player)).verdict is Verdict.RIGHT
    stored = await get_player(instance, name)
    assert (stored.game_mode, stored.flagged_at, stored.fell_at, stored.mode_pending) == (mode, None, None, None)
    assert await mode_history(instance, name) == []


async def test_a_row_that_stays_takes_nothing_back_of_what_main_has_shown(
    instance: Instance, fetcher: Fetcher, seen: Seen, hiscores: Simulation
) -> None:
    """The own table forgets a dead hardcore for a moment, and then shows again what it was at its death."""
    player = await seen("Dead Vow", checks=True)
    for _ in range(4):
        hiscores.advance(HOUR)
        await look(fetcher, player)
    hiscores.faults.add(Fault(FaultKind.NOT_FOUND, table=HARDCORE, times=1))
    outcomes = []
    for _ in range(3):
        hiscores.advance(HOUR)
        hiscores.asked.clear()
        outcomes.append((await look(fetcher, player)).outcome)
        assert (hiscores.asked["dead vow", HARDCORE], hiscores.asked["dead vow", REGULAR]) == (1, 1)
    assert outcomes == [Outcome.CHANGED] * 3
    stored = await get_player(instance, "Dead Vow")
    assert (stored.fell_at, stored.game_mode, stored.mode_pending) == (None, HARDCORE, HARDCORE)
    _, found = await list_snapshots(instance, "Dead Vow", limit=9)
    since = [one.previous_look_at and round((one.previous_look_at - EPOCH) / HOUR) for one in reversed(found)]
    # what main has more than the row came since that last moved, not since the last look at it
    assert since == [None, 0, 1, 2, 5, 6]
    assert (await check(fetcher, player)).pending is IRONMAN
    hiscores.advance(ENOUGH)
    assert (await check(fetcher, player)).changed_from is HARDCORE
    hiscores.advance(HOUR)
    await look(fetcher, player)
    assert (await get_player(instance, "Dead Vow")).fell_at is None


async def test_a_rollback_falls_on_all_tables_and_says_nothing_of_the_mode(
    instance: Instance, fetcher: Fetcher, seen: Seen, hiscores: Simulation
) -> None:
    player = await seen("Slip Iron", checks=True)
    for _ in range(3):
        hiscores.advance(HOUR)
        await look(fetcher, player)
    stored = await get_player(instance, "Slip Iron")
    assert (stored.fell_at, stored.mode_pending) == (stored.last_look_at, None)


@pytest.mark.parametrize("name", ["Lost Iron", "Hard Moth"])
async def test_what_a_look_notices_of_the_mode_is_stored_with_it_or_neither_is(
    instance: Instance, fetcher: Fetcher, seen: Seen, hiscores: Simulation, name: str
) -> None:
    player = await seen(name, checks=True) if name == "Hard Moth" else (await add_player(instance, name)).player
    read_last = REGULAR if name == "Hard Moth" else IRONMAN
    hiscores.faults.add(Fault(FaultKind.NOT_FOUND, table=HARDCORE))
    hiscores.advance(HOUR)

    async def shown_meanwhile() -> None:
        await set_row(instance, player, mode_checked_at=seconds(EPOCH + MINUTE))

    report = await look(replace(interrupted(fetcher, shown_meanwhile, read_last), patience_s=0), player)
    stored = await get_player(instance, name)
    assert (report.outcome, stored.last_look_at) == (Outcome.DEFERRED, player.last_look_at)
    # and of who is paused, too
    await set_row(instance, player, mode_checked_at=null())
    await pause_player(instance, name)
    await look(fetcher, player)
    stored = await get_player(instance, name)
    assert (stored.game_mode, stored.mode_pending) == ((IRONMAN, None) if name == "Lost Iron" else (HARDCORE, HARDCORE))


async def test_where_no_slot_is_left_for_the_other_table_the_fetch_comes_again(
    instance: Instance, fetcher: Fetcher, hiscores: Simulation
) -> None:
    lost = (await add_player(instance, "Lost Iron")).player

    class Closing:
        async def fetch(self, username: str, table: GameMode) -> bytes:
            await fetcher.budget.troubled(60)
            return await fetcher.client.fetch(username, table)

    report = await look(replace(fetcher, client=cast(HiscoresClient, Closing())), lost)
    assert (report.outcome, hiscores.requests.total()) == (Outcome.DEFERRED, 1)
    assert (await get_player(instance, "Lost Iron")).failures == 0


# --- runs of the job


async def test_a_run_checks_everybody_who_is_due_and_nobody_else(
    instance: Instance, fetcher: Fetcher, seen: Seen, hiscores: Simulation
) -> None:
    for name in ("Oak", "Busy Iron", "Hard Moth", "Lost Iron"):
        await seen(name)
    await seen("Idle Iron")
    await pause_player(instance, "Idle Iron")
    await add_player(instance, "Dead Vow")
    report = await check_modes(fetcher)
    assert (report.checked, report.first, report.pending, report.undecided, report.is_more) == (4, 2, 1, 0, False)
    assert (await check_modes(fetcher)).requests == 0
    hiscores.advance(ENOUGH)
    assert ((await check_modes(fetcher)).requests, (await check_modes(fetcher)).requests) == (2, 0)
    modes = {
        name: (await get_player(instance, name)).game_mode for name in ("Oak", "Busy Iron", "Hard Moth", "Lost Iron")
    }
    assert modes == {"Oak": REGULAR, "Busy Iron": IRONMAN, "Hard Moth": HARDCORE, "Lost Iron": IRONMAN}


async def test_a_day_later_only_those_who_did_not_move_cost_a_request(
    fetcher: Fetcher, seen: Seen, hiscores: Simulation
) -> None:
    everybody = [await seen(name, checks=True) for name in ("Busy Iron", "Hard Moth", "Idle Iron")]
    for _ in range(2):
        hiscores.advance(26 * HOUR)
        for player in everybody:
            await look(fetcher, player)
        report = await check_modes(fetcher)
        assert (report.checked, report.requests, report.undecided) == (1, 1, 0)


async def test_who_stands_on_no_table_is_not_asked_for_again_before_the_next_beat(
    fetcher: Fetcher, seen: Seen, hiscores: Simulation
) -> None:
    await seen("Oak")
    hiscores.faults.add(Fault(FaultKind.NOT_FOUND))
    report = await check_modes(fetcher)
    assert (report.requests, report.undecided) == (2, 1)
    hiscores.advance(HOUR)
    assert (await check_modes(fetcher)).requests == 0
    hiscores.advance(2 * HOUR)  # past the beat
    assert (await check_modes(fetcher)).requests == 2


async def test_where_time_is_up_a_run_says_that_there_is_more(
    fetcher: Fetcher, seen: Seen, instance: Instance, hiscores: Simulation
) -> None:
    for name in ("Oak", "Busy Iron"):
        await seen(name)
    hiscores.requests.clear()
    assert (await check_modes(fetcher, within_s=0)).is_more
    # others take all that there is, or the hiscores are in trouble
    now = await instance.redis.time()
    busy = (now[0] + 3600) * 1_000_000
    await instance.redis.hset(f"{instance.prefix}budget", mapping={"slot": busy, "at": now[0] * 1_000_000, "epoch": 1})
    assert (await check_modes(fetcher, within_s=0.01)).is_more
    await instance.redis.delete(f"{instance.prefix}budget")
    await fetcher.budget.troubled(60)
    report = await check_modes(fetcher, within_s=0.01)
    assert (report.is_more, report.checked, hiscores.requests.total()) == (True, 0, 0)


async def test_an_outage_ends_no_run_and_decides_nothing(
    instance: Instance, fetcher: Fetcher, seen: Seen, hiscores: Simulation
) -> None:
    first, second = await seen("Oak"), await seen("Busy Iron")
    hiscores.faults.add(Fault(FaultKind.TRUNCATED, player="Oak", table=REGULAR))
    report = await check_modes(fetcher)
    assert (report.checked, report.undecided, report.is_more) == (2, 1, False)
    assert await get_player(instance, "Oak") == first
    assert (await get_player(instance, "Busy Iron")) != second
    hiscores.faults.clear()
    hiscores.faults.add(Fault(FaultKind.UNAVAILABLE, table=IRONMAN))
    assert (await check_modes(fetcher, within_s=0.5)).undecided == 1
    assert (await fetcher.budget.breaker()).open_until is not None
    assert await get_player(instance, "Oak") == first


# --- what changes in the middle of a check


async def renamed(instance: Instance, player: Player) -> None:
    await set_row(instance, player, username="somebody")


async def paused(instance: Instance, player: Player) -> None:
    await pause_player(instance, player.username)


async def removed(instance: Instance, player: Player) -> None:
    await remove_player(instance, player.username)


@pytest.mark.parametrize("change", [renamed, paused, removed])
@pytest.mark.parametrize("is_known", [False, True])
async def test_what_is_found_of_a_player_who_is_changed_meanwhile_is_not_stored(
    instance: Instance,
    fetcher: Fetcher,
    seen: Seen,
    hiscores: Simulation,
    change: Callable[[Instance, Player], Awaitable[None]],
    is_known: bool,
) -> None:
    """Neither a first mode nor a change that an earlier look has found."""
    player = await seen("Dead Vow", checks=is_known)
    if is_known:
        hiscores.advance(3 * HOUR)
        assert (await check(fetcher, player)).pending is IRONMAN
        hiscores.advance(ENOUGH)
    report = await check(interrupted(fetcher, lambda: change(instance, player), HARDCORE), player)
    assert (report.verdict, report.changed_from, report.mode) == (None, None, player.game_mode)
    assert "meanwhile" in (report.message or "")
    if change is not removed:
        name = "somebody" if change is renamed else "Dead Vow"
        assert (await get_player(instance, name)).game_mode is player.game_mode
        assert await mode_history(instance, name) == []


async def test_a_fetch_of_the_old_table_is_not_stored_after_the_change(
    instance: Instance, fetcher: Fetcher, seen: Seen, hiscores: Simulation
) -> None:
    player = await seen("Dead Vow", checks=True)
    hiscores.advance(HOUR)
    await look(fetcher, player)
    hiscores.advance(3 * HOUR)
    await check(fetcher, player)
    hiscores.advance(ENOUGH)

    async def checked_meanwhile() -> None:
        assert (await check(fetcher, player)).changed_from is HARDCORE

    report = await look(replace(interrupted(fetcher, checked_meanwhile, HARDCORE), patience_s=0), player)
    assert report.outcome is Outcome.DEFERRED
    stored = await get_player(instance, "Dead Vow")
    assert (stored.game_mode, stored.last_look_at, stored.fell_at) == (IRONMAN, stored.mode_since, None)
    [change] = await mode_history(instance, "Dead Vow")
    # the row went on after the look before the one that saw it move, nobody knows for how long
    known_until = EPOCH + timedelta(seconds=1)
    assert (change.before, change.mode, change.at, change.after) == (HARDCORE, IRONMAN, stored.mode_since, known_until)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"is_active": False}, "osrsdiff player resume 'Oak'"),
        ({"flagged_at": 1}, "osrsdiff review show 'Oak'"),
        ({"username": "oak~1", "is_active": False}, "rename it"),
        ({"username": "oak~1"}, "rename it"),
    ],
)
async def test_who_can_not_be_checked_is_refused_at_once_and_where_it_waited(
    instance: Instance, fetcher: Fetcher, seen: Seen, hiscores: Simulation, row: dict[str, Any], words: str
) -> None:
    player = await seen("Oak")
    await set_row(instance, player, **row)
    with pytest.raises(UserError, match=words):
        await enqueue_check(instance, await get_player(instance, row.get("username", "Oak")))
    hiscores.requests.clear()
    report = await check(fetcher, player)
    assert (report.verdict, report.requests, hiscores.requests.total()) == (None, 0, 0)
    assert words in (report.message or "")


async def test_a_check_takes_no_more_requests_than_is_said(fetcher: Fetcher, seen: Seen, hiscores: Simulation) -> None:
    player = await seen("Dead Vow", checks=True)
    hiscores.advance(3 * HOUR)
    assert (await check(fetcher, player)).requests == MOST_REQUESTS


async def test_a_first_look_of_long_ago_is_one_again(
    instance: Instance, fetcher: Fetcher, seen: Seen, hiscores: Simulation
) -> None:
    player = await seen("Dead Vow", checks=True)
    hiscores.advance(3 * HOUR)
    assert (await check(fetcher, player)).pending is IRONMAN
    hiscores.advance(48 * HOUR)
    again = await check(fetcher, player)
    assert (again.pending, again.second_look_at) == (IRONMAN, hiscores.now() + SECOND_LOOK_AFTER)
    hiscores.advance(ENOUGH)
    assert (await check(fetcher, player)).changed_from is HARDCORE


async def test_a_check_without_a_slot_says_so(fetcher: Fetcher, seen: Seen) -> None:
    player = await seen("Oak")
    await fetcher.budget.troubled(60)
    for spare in (False, True):
        report = await check_mode(fetcher, player.id, spare=spare, patience_s=0)
        assert report is not None
        assert (report.verdict, report.requests) == (None, 0)
        assert "no request" in (report.message or "")
    assert await check_mode(fetcher, 999) is None


async def check(fetcher: Fetcher, player: Player) -> Any:
    report = await check_mode(fetcher, player.id)
    assert report is not None
    return report


def interrupted(fetcher: Fetcher, act: Callable[[], Awaitable[None]], at: GameMode) -> Fetcher:
    """One whose client lets something happen between the answer of a table and whoever asked for it."""

    class Client:
        async def fetch(self, username: str, table: GameMode) -> bytes:
            body = await fetcher.client.fetch(username, table)
            if table is at:
                await act()
            return body

    return replace(fetcher, client=cast(HiscoresClient, Client()))


# --- tasks


def context(instance: Instance, fetcher: Fetcher, name: str, task_id: str, **labels: str) -> Context:
    message = SimpleNamespace(task_name=name, task_id=task_id, labels=labels)
    return cast(Context, SimpleNamespace(message=message, state=SimpleNamespace(instance=instance, fetcher=fetcher)))


async def test_the_job_asks_for_another_run_while_there_is_more(
    instance: Instance, fetcher: Fetcher, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Oak", "Hard Moth"):
        await seen(name)
    task_id = await jobs.run_job(instance, CHECK_MODES_TASK)
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "LONGEST_RUN_S", 0.0)
        await worker.check_game_mode_downgrades_task(context(instance, fetcher, CHECK_MODES_TASK, task_id))
    assert await queued(instance) == 2
    again = await jobs.run_job(instance, CHECK_MODES_TASK)
    assert (again != task_id, await queued(instance)) == (True, 2)
    await worker.check_game_mode_downgrades_task(context(instance, fetcher, CHECK_MODES_TASK, again))
    assert await queued(instance) == 2
    async with instance.db.reading() as conn:
        run = await job_runs.last(conn, CHECK_MODES_TASK)
    assert run is not None
    assert (run.outcome, run.detail) == (
        "done",
        "2 checked with 5 requests, 1 found, 1 to be looked at again",
    )


async def test_one_player_is_checked_on_demand(instance: Instance, fetcher: Fetcher, seen: Seen) -> None:
    player = await seen("Hard Moth")
    first, second = await enqueue_check(instance, player), await enqueue_check(instance, player)
    assert (first.joined, second.joined, first.task_id) == (False, True, second.task_id)
    document = await worker.check_game_mode_task(player.id, context(instance, fetcher, CHECK_MODE_TASK, first.task_id))
    assert document is not None
    assert (document["mode"], document["verdict"], document["requests"]) == (HARDCORE.value, Verdict.FIRST.value, 3)
    assert (await enqueue_check(instance, player)).joined is False
    assert await check_outcome(instance, "no such task", 0.01) is None


@pytest.mark.parametrize("spare", [False, True])
async def test_a_check_among_many_takes_what_nobody_else_does(
    instance: Instance, fetcher: Fetcher, seen: Seen, spare: bool
) -> None:
    class Budget:
        async def take(self) -> None:
            raise Deferred("of the beats' slots")

        async def take_spare(self, _patience_s: float) -> None:
            raise Deferred("of the spare ones")

    player = await seen("Oak")
    queued = await enqueue_check(instance, player, spare=spare)
    [*_, (_, sent)] = await instance.redis.xrange(f"{instance.prefix}queue")
    assert (SPARE.encode() in sent[b"data"]) is spare
    labels = {SPARE: "yes"} if spare else {}
    given = context(
        instance,
        replace(fetcher, budget=cast(RequestBudget, Budget())),
        CHECK_MODE_TASK,
        queued.task_id,
        **labels,
    )
    document = await worker.check_game_mode_task(player.id, given)
    assert document is not None
    assert document["message"] == ("of the spare ones" if spare else "of the beats' slots")


async def test_the_job_goes_on_after_a_fault_of_the_database(
    instance: Instance, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise DatabaseUnreachable("gone")

    task_id = await jobs.run_job(instance, CHECK_MODES_TASK)
    monkeypatch.setattr(jobs, "run_mode_checks", away)
    monkeypatch.setattr(worker, "_AGAIN_AFTER_S", 0.0)
    await worker.check_game_mode_downgrades_task(context(instance, fetcher, CHECK_MODES_TASK, task_id))
    assert await queued(instance) == 2


async def queued(instance: Instance) -> int:
    """How many runs of the job were sent."""
    sent = await instance.redis.xrange(f"{instance.prefix}queue")
    return sum(CHECK_MODES_TASK.encode() in fields[b"data"] for _, fields in sent)
