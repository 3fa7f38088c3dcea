"""What comes of a review: accepted, split, discarded; twice, at once, and while a look is under way."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import bindparam, insert

from osrsdiff.errors import (
    InvalidUsername,
    NothingToReview,
    PlayerNotFound,
    ReviewRefused,
    SameName,
    SplitRefused,
    UnderWay,
)
from osrsdiff.game.events import EventKind, title
from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.metrics import MetricKind, kind_of
from osrsdiff.game.reviews import Resolution
from osrsdiff.game.snapshots import Reading, State
from osrsdiff.hiscores.parser import Observation
from osrsdiff.scheduling.constants import RECKON_TASK
from osrsdiff.storage import events, groups, history, records, snapshots
from osrsdiff.storage.players import Player
from osrsdiff.storage.tables import moves
from osrsdiff.tracking import looks, renames, reviews
from osrsdiff.tracking import players as tracking
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.jobs import run_reckoning
from osrsdiff.tracking.reviews import Decided

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAME = "Lynx Titan"
FLAGGED_AT = START + HOUR

FIRST = {"attack": 12_000_000, "mining": 9_000_000, "zulrah": 350}
OLD = {"attack": 12_600_000, "mining": 9_000_000, "zulrah": 500}
NEWCOMER = {"attack": 50_000, "mining": 70_000, "zulrah": 0}
GROWN = {"attack": 60_000, "mining": 70_000, "zulrah": 3}

BEGUN = insert(moves).values(
    {name: bindparam(name) for name in ("player_id", "source", "is_new", "is_joined", "looks", "failed", "left_out")}
)

Decide = Callable[..., Awaitable[Decided]]


@pytest.fixture
async def flagged(instance: Instance) -> Player:
    """A player in a group whose sheet collapsed an hour after the start, and grew by a little since."""
    player = (await tracking.add_player(instance, NAME, interval_minutes=30)).player
    async with instance.db.writing() as conn:
        clan = await groups.add(conn, key="clan", name="Clan", description="", now=START)
    await groups.put_members(instance.db, clan.id, {player.id: "member"}, now=START)
    for hour, sheet in ((-200, FIRST), (-100, FIRST | {"zulrah": 400}), (0, OLD)):
        await look(instance, player.id, hour, sheet)
    await look(instance, player.id, 1, NEWCOMER)
    await look(instance, player.id, 3, GROWN)
    return (await loaded(instance, player.id))[0]


async def loaded(instance: Instance, player_id: int) -> tuple[Player, State | None]:
    async with instance.db.reading() as conn:
        found = await history.load_player(conn, player_id)
    assert found is not None
    return found


async def look(
    instance: Instance,
    player_id: int,
    hour: float,
    values: dict[str, int],
    known: tuple[Player, State | None] | None = None,
) -> None:
    def reading(metric: str, value: int) -> Reading:
        return Reading(value, 1, level_for_xp(value) if kind_of(metric) is MetricKind.SKILL else None, None)

    observation = Observation({metric: reading(metric, value) for metric, value in values.items()}, ())
    await looks.store(instance.db, *(known or await loaded(instance, player_id)), observation, START + hour * HOUR)


async def looks_of(instance: Instance, player: Player) -> list[float]:
    """At which hours something changed."""
    async with instance.db.reading() as conn:
        page = await snapshots.page(conn, player.id, before=START + 10_000 * HOUR, limit=100)
    return [(one.taken_at - START) / HOUR for one in reversed(page)]


async def values_of(instance: Instance, player: Player) -> dict[str, int | None]:
    state = (await loaded(instance, player.id))[1]
    return {metric: one.value for metric, one in state.sheet.items()} if state else {}


async def titles_of(instance: Instance, player: Player) -> list[str]:
    async with instance.db.reading() as conn:
        return [title(one.event) for one in await events.page(conn, limit=100, player_id=player.id)]


async def kinds_of(instance: Instance, player: Player) -> list[EventKind]:
    async with instance.db.reading() as conn:
        page = await events.page(conn, limit=100, player_id=player.id)
    return [one.event.kind for one in reversed(page)]


async def test_a_review_shows_what_fell_and_rose_and_how_it_stands_now(instance: Instance, flagged: Player) -> None:
    [shown] = (await reviews.player_reviews(instance, "lynx_titan"))[1]
    assert shown.review.flagged_at == FLAGGED_AT
    assert [(one.metric.key, one.before, one.after, one.now, one.fell) for one in shown.moved] == [
        ("attack", 12_600_000, 50_000, 60_000, True),
        ("mining", 9_000_000, 70_000, 70_000, True),
        ("zulrah", 500, 0, 3, True),
    ]
    page = await reviews.list_reviews(instance)
    assert [(one.player.id, one.review) for one in page.items] == [(flagged.id, shown.review)]
    assert page.next is None


async def test_accepting_ends_the_flag_and_keeps_all_looks(instance: Instance, flagged: Player) -> None:
    decided = await reviews.accept(instance, NAME)
    assert (decided.player.flagged_at, decided.apart, decided.scheduled) == (None, None, True)
    assert decided.review.resolution is Resolution.ACCEPTED
    assert len(await looks_of(instance, flagged)) == 5
    assert (await reviews.list_reviews(instance)).items == []
    assert len((await reviews.list_reviews(instance, only_open=False)).items) == 1
    await look(instance, flagged.id, 4, GROWN | {"attack": 1_000_000})
    assert EventKind.LEVEL_UP not in await kinds_of(instance, flagged)


async def test_discarding_brings_back_what_was_known_before(instance: Instance, flagged: Player) -> None:
    decided = await reviews.discard(instance, NAME)
    assert await looks_of(instance, flagged) == [-200, -100, 0]
    assert await values_of(instance, flagged) == OLD
    assert decided.review.resolution is Resolution.DISCARDED
    assert (decided.player.flagged_at, decided.player.fell_at, decided.player.is_active) == (None, None, True)
    assert decided.player.last_look_at is not None
    assert decided.player.last_look_at < FLAGGED_AT
    assert EventKind.FLAGGED not in await kinds_of(instance, flagged)
    [shown] = (await reviews.player_reviews(instance, NAME))[1]
    assert shown.moved == []
    await look(instance, flagged.id, 5, NEWCOMER)
    assert (await loaded(instance, flagged.id))[0].flagged_at == START + 5 * HOUR


async def test_splitting_gives_name_schedule_and_later_looks_to_a_new_player(
    instance: Instance, flagged: Player
) -> None:
    decided = await reviews.split(instance, NAME)
    old, new = decided.player, decided.apart
    assert new is not None
    assert (old.id, old.username, old.display_name, old.is_active) == (
        flagged.id,
        "lynx titan~1",
        "Lynx Titan~1",
        False,
    )
    assert (new.username, new.display_name, new.is_active, new.fetch_interval_minutes) == (
        "lynx titan", NAME, True, 30
    )  # fmt: skip
    assert [await looks_of(instance, one) for one in (old, new)] == [[-200, -100, 0], [1, 3]]
    assert await values_of(instance, old) == OLD
    assert await values_of(instance, new) == GROWN
    assert (old.flagged_at, new.flagged_at, old.fell_at, new.fell_at) == (None, None, None, None)
    async with instance.db.reading() as conn:
        assert [one.group.key for one in await groups.of_player(conn, old.id)] == ["clan"]
        assert await groups.of_player(conn, new.id) == []
    assert (await instance.schedules.next_fire(old.id), await instance.schedules.next_fire(new.id) is None) == (
        None, False
    )  # fmt: skip
    assert decided.scheduled
    assert (await reviews.list_reviews(instance)).items == []


@pytest.mark.parametrize("was_active", [True, False])
async def test_who_was_split_off_may_go_on_under_a_new_name(
    instance: Instance, flagged: Player, was_active: bool
) -> None:
    if not was_active:
        await tracking.pause_player(instance, NAME)
    decided = await reviews.split(instance, NAME, renamed_to="Pat Renamed")
    old, new = decided.player, decided.apart
    assert new is not None
    assert (old.id, old.username, old.display_name) == (flagged.id, "pat renamed", "Pat Renamed")
    assert (old.is_active, new.is_active) == (was_active, was_active)
    assert "Lynx Titan is now called Pat Renamed" in await titles_of(instance, old)
    assert [await looks_of(instance, one) for one in (old, new)] == [[-200, -100, 0], [1, 3]]
    fires = [await instance.schedules.next_fire(one.id) for one in (old, new)]
    assert [fire is not None for fire in fires] == [was_active, was_active]


async def test_who_is_tracked_under_the_new_name_becomes_one_with_the_player(
    instance: Instance, flagged: Player
) -> None:
    other = (await tracking.add_player(instance, "Pat Renamed")).player
    await look(instance, other.id, 2, OLD | {"zulrah": 501})
    decided = await reviews.split(instance, NAME, renamed_to="pat_renamed")
    assert (decided.player.id, decided.player.is_active) == (flagged.id, True)
    assert await looks_of(instance, decided.player) == [-200, -100, 0, 2]
    assert [one.username for one in await tracking.list_players(instance)] == ["lynx titan", "pat renamed"]


async def test_where_the_new_name_can_not_be_given_nothing_is_done(instance: Instance, flagged: Player) -> None:
    other = (await tracking.add_player(instance, "Pat Renamed")).player
    await look(instance, other.id, 2, FIRST | {"attack": 3_000_000})
    with pytest.raises(SplitRefused, match=r"can't be made Pat Renamed: 2 metrics fell: .*\. Nothing was done\.") as no:
        await reviews.split(instance, NAME, renamed_to="Pat Renamed")
    assert str(no.value).endswith(
        "Split it alone: osrsdiff review split 'Lynx Titan'; then, where you know better: "
        "osrsdiff player rename 'Lynx Titan~1' 'Pat Renamed' --force"
    )
    assert (await loaded(instance, flagged.id))[0] == flagged
    assert len(await tracking.list_players(instance)) == 2
    assert (await renames.names_of(instance, NAME))[1] == []
    await reviews.split(instance, NAME)
    await renames.rename(instance, "Lynx Titan~1", "Pat Renamed", force=True)
    assert (await tracking.get_player(instance, "Pat Renamed")).id == flagged.id


async def test_what_was_decided_is_reckoned_anew(instance: Instance, flagged: Player) -> None:
    decided = await reviews.split(instance, NAME)
    assert decided.apart is not None
    assert (await instance.asked.job(RECKON_TASK))[1], "the job waits already"
    report = await run_reckoning(instance)
    assert (report.players, report.failed) == (2, 0)
    async with instance.db.reading() as conn:
        of_old = {one.metric for one in await records.of_player(conn, flagged.id)}
        of_new = {one.metric: one.gained for one in await records.of_player(conn, decided.apart.id)}
    assert of_old == {"attack", "zulrah"}
    assert of_new == {"attack": 10_000, "zulrah": 3}


@pytest.mark.parametrize("decide", [reviews.accept, reviews.discard, reviews.split])
async def test_there_is_nothing_to_review_of_who_is_not_flagged(
    instance: Instance, flagged: Player, decide: Decide
) -> None:
    await tracking.add_player(instance, "Zezima")
    with pytest.raises(NothingToReview, match="never flagged"):
        await decide(instance, "zezima")
    with pytest.raises(PlayerNotFound):
        await decide(instance, "nobody")
    await reviews.accept(instance, NAME, clock=lambda: START)
    with pytest.raises(NothingToReview, match="accepted at 2026-03-01 00:00 UTC"):
        await decide(instance, NAME)
    assert len(await looks_of(instance, flagged)) == 5


@pytest.mark.parametrize("decide", [reviews.discard, reviews.split])
async def test_histories_are_not_taken_apart_while_a_move_brings_older_looks(
    instance: Instance, flagged: Player, decide: Decide
) -> None:
    row = {"player_id": flagged.id, "source": "old", "is_new": False, "is_joined": False}
    async with instance.db.writing() as conn:
        await conn.run(BEGUN, row | {"looks": 0, "failed": 0, "left_out": 0})
    with pytest.raises(ReviewRefused, match="The move that brings older looks of Lynx Titan has not ended"):
        await decide(instance, NAME)
    assert (await loaded(instance, flagged.id))[0] == flagged
    assert (await reviews.accept(instance, NAME)).player.flagged_at is None


async def test_a_name_that_is_none_is_refused_before_anything_is_done(instance: Instance, flagged: Player) -> None:
    for name, error in (("no such name!", InvalidUsername), ("Zezima~1", InvalidUsername), ("lynx_TITAN", SameName)):
        with pytest.raises(error):
            await reviews.split(instance, NAME, renamed_to=name)
    assert (await loaded(instance, flagged.id))[0] == flagged


async def split_renamed(instance: Instance, name: str) -> Decided:
    return await reviews.split(instance, name, renamed_to="Pat Renamed")


@pytest.mark.parametrize("decide", [reviews.accept, reviews.discard, reviews.split, split_renamed])
async def test_two_who_decide_alike_at_once_are_told_the_same(
    instance: Instance, flagged: Player, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_read = asyncio.Barrier(2)
    read = reviews._open_review

    async def read_together(*given: object) -> object:
        found = await read(*given)  # type: ignore[arg-type]
        await both_have_read.wait()
        return found

    monkeypatch.setattr(reviews, "_open_review", read_together)
    first, second = await asyncio.gather(decide(instance, NAME), decide(instance, NAME))
    assert first.review.id == second.review.id
    assert first.player.id == second.player.id == flagged.id
    assert (first.apart and first.apart.id) == (second.apart and second.apart.id)
    assert len((await reviews.list_reviews(instance, only_open=False)).items) == 1


async def test_who_is_called_otherwise_and_paused_meanwhile_is_split_as_it_is_by_then(
    instance: Instance, flagged: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reviews._open_review

    async def read_before_the_other(*given: object) -> object:
        found = await read(*given)  # type: ignore[arg-type]
        await renames.rename(instance, NAME, "Carex", force=True)
        await tracking.pause_player(instance, "Carex")
        return found

    monkeypatch.setattr(reviews, "_open_review", read_before_the_other)
    decided = await reviews.split(instance, NAME, renamed_to="Pat Renamed")
    assert decided.apart is not None
    assert [(one.display_name, one.is_active) for one in (decided.player, decided.apart)] == [
        ("Pat Renamed", False),
        ("Carex", False),
    ]
    assert decided.player.id == flagged.id


async def test_who_decides_otherwise_at_once_is_told_so(
    instance: Instance, flagged: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reviews._open_review

    async def read_before_the_other(*given: object) -> object:
        monkeypatch.setattr(reviews, "_open_review", read)
        found = await read(*given)  # type: ignore[arg-type]
        await reviews.accept(instance, NAME)
        return found

    monkeypatch.setattr(reviews, "_open_review", read_before_the_other)
    with pytest.raises(NothingToReview, match="accepted"):
        await reviews.discard(instance, NAME)
    assert len(await looks_of(instance, flagged)) == 5


@pytest.mark.parametrize("decide", [reviews.accept, reviews.discard, reviews.split])
async def test_a_look_under_way_meanwhile_stores_nothing(instance: Instance, flagged: Player, decide: Decide) -> None:
    known = await loaded(instance, flagged.id)
    decided = await decide(instance, NAME)
    before = [await looks_of(instance, one) for one in (decided.player, decided.apart) if one]
    with pytest.raises(UnderWay):
        await look(instance, flagged.id, 4, GROWN | {"attack": 70_000}, known)
    assert [await looks_of(instance, one) for one in (decided.player, decided.apart) if one] == before
