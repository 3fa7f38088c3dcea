"""What an import adds to who is here: each thing once, flags with their review, nothing older over what is newer."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import Reading, difference
from osrsdiff.storage import events, history, moves, players, reviews, seen
from osrsdiff.storage.moves import Arrival
from osrsdiff.tracking.instance import Instance
from osrsdiff.tracking.reviews import accept
from osrsdiff.tracking.transfer.arriving import Arriving
from osrsdiff.tracking.transfer.import_report import ImportReport
from osrsdiff.tracking.transfer.importing import import_file

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def at(days: int) -> str:
    return f"{NOW - days * DAY:%Y-%m-%dT%H:%M:%SZ}"


def player(**more: object) -> dict[str, Any]:
    return {"type": "player", "username": "zezima", "display_name": "Zezima", "game_mode": "regular",
            "is_active": True, "fetch_interval_minutes": 30, "created_at": at(9), **more}  # fmt: skip


def look(days: int, value: int) -> dict[str, Any]:
    before = {"previous_look_at": at(days + 1)} if days < 9 else {}
    changes = [{"metric": "attack", "value": value, "rank": 1}]
    return {"type": "look", "player": "zezima", "taken_at": at(days), **before, "changes": changes}


def level_up(days: int) -> dict[str, Any]:
    return {"type": "event", "player": "zezima", "at": at(days), "after_at": at(days + 1), "kind": "level_up",
            "metric": "attack", "value": 4, "before": 2}  # fmt: skip


def review(days: int, **more: object) -> dict[str, Any]:
    return {"type": "review", "player": "zezima", "flagged_at": at(days), "why": "collapse", "detail": "x", **more}


async def bring(instance: Instance, tmp_path: Path, *items: dict[str, Any], **given: bool) -> ImportReport:
    head = {"type": "header", "format": 1, "made_by": "a test", "exported_at": at(0), "players": 1}
    path = tmp_path / "file.jsonl"
    path.write_text("\n".join(map(json.dumps, [head, *items, {"type": "end", "items": 1 + len(items)}])))
    return await import_file(instance, path, stages=lambda _: nullcontext(lambda *_: None), now=NOW, **given)


async def found(instance: Instance) -> tuple[seen.Seen, list[events.Happened], list[reviews.Review]]:
    async with instance.db.reading() as conn:
        one = await seen.by_username(conn, "zezima")
        assert one is not None
        happened = await events.page(conn, limit=100, player_id=one.player.id)
        return one, happened, await reviews.of_player(conn, one.player.id)


@pytest.mark.parametrize(
    "added",
    [
        {"type": "mode_change", "player": "zezima", "at": at(7), "before": "ironman", "mode": "regular"},
        {"type": "name_change", "player": "zezima", "at": at(7), "before": "abc", "after": "zezima"},
        review(6, resolved_at=at(5), resolution="accepted"),
        level_up(6),
    ],
    ids=lambda one: one["type"],
)
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_whoever_reads_sees_what_came(instance: Instance, tmp_path: Path, added: dict[str, Any]) -> None:
    here = [player(), look(9, 100), look(6, 300)]
    assert (await bring(instance, tmp_path, *here)).reckoning
    before, _, _ = await found(instance)
    report = await bring(instance, tmp_path, *here, added)
    assert (report.refused, report.reckoning) == ([], False)
    after, _, _ = await found(instance)
    assert after != before
    await bring(instance, tmp_path, *here, added)
    assert (await found(instance))[0] == after


OPEN_5, OPEN_6 = review(5), review(6)
FLAGS: dict[str, tuple[list[dict[str, Any]], datetime | None]] = {
    "a flag without a review": ([player(flagged_at=at(6))], None),
    "a review without a flag": ([player(), OPEN_6], NOW - 6 * DAY),
    "two of one player": ([player(flagged_at=at(6)), OPEN_6, OPEN_5], NOW - 5 * DAY),
    "decided": ([player(flagged_at=at(6)), review(6, resolved_at=at(5), resolution="accepted")], None),
}


@pytest.mark.parametrize("case", FLAGS)
async def test_who_is_flagged_has_one_open_review(instance: Instance, tmp_path: Path, case: str) -> None:
    [who, *rest], flagged_at = FLAGS[case]
    await bring(instance, tmp_path, who, look(9, 100), look(6, 300), look(5, 400), *rest)
    for _ in range(2):
        one, _, known = await found(instance)
        assert one.player.flagged_at == flagged_at
        assert [review.flagged_at for review in known if not review.resolved_at] == ([flagged_at] if flagged_at else [])
        if flagged_at:
            await bring(instance, tmp_path, player(flagged_at=at(9)), look(9, 100), review(9))  # flagged already
    if flagged_at:
        await accept(instance, "zezima", clock=lambda: NOW)
        one, _, known = await found(instance)
        assert (one.player.flagged_at, [review for review in known if not review.resolved_at]) == (None, [])


LEVEL_UPS: dict[str, tuple[list[dict[str, Any]], int]] = {
    "seen earlier elsewhere": ([look(9, 100), look(7, 300), level_up(7)], 7),
    "seen earlier elsewhere, untold": ([look(9, 100), look(7, 300)], 7),
    "seen later elsewhere": ([look(9, 100), look(4, 300), level_up(4)], 5),
}


@pytest.mark.parametrize("case", LEVEL_UPS)
async def test_a_level_is_reached_once(instance: Instance, tmp_path: Path, case: str) -> None:
    await bring(instance, tmp_path, player(), look(9, 100), look(5, 300), level_up(5))
    there, day = LEVEL_UPS[case]
    await bring(instance, tmp_path, player(), *there)
    _, happened, _ = await found(instance)
    assert [(one.event.at, one.event.after) for one in happened] == [(NOW - day * DAY, NOW - (day + 1) * DAY)]


STATE = {"version": 3, "looked_at": at(2), "taken_at": at(3),
         "sheet": [{"metric": "attack", "value": 900, "rank": 1, "level": 9}]}  # fmt: skip
WHOLE = [player(state=STATE, last_look_at=at(2), last_changed_at=at(3), last_attempt_at=at(1), last_outcome="changed"),
         look(9, 100), look(3, 900)]  # fmt: skip


async def test_what_is_newer_stays_when_an_import_is_done_again(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Arriving, "_store_rest", None)  # it ends there
        with pytest.raises(TypeError):
            await bring(instance, tmp_path, *WHOLE)
    async with instance.db.writing() as conn:
        half = await players.by_username(conn, "zezima")
        assert half is not None
        await players.set_active(conn, half.id, True)
        await players.set_interval(conn, half.id, 15)
        state = await history.load_state(conn, half.id)
        assert state is not None
        looked = difference(state, {"attack": Reading(1_000, 1, 9, None)}, NOW)
        await history.store_look(conn, half.id, looked, expected_version=state.version)
    report = await bring(instance, tmp_path, *WHOLE)
    assert (report.players_new, report.refused) == (1, [])
    one, _, _ = await found(instance)
    told = one.player
    assert (told.is_active, told.fetch_interval_minutes) == (True, 15)
    assert told.last_look_at == told.last_changed_at == told.last_attempt_at == NOW
    async with instance.db.reading() as conn:
        newest = await history.load_state(conn, told.id)
        assert newest is not None
        assert (newest.looked_at, newest.sheet["attack"].value) == (NOW, 1_000)
        assert (await moves.standings(conn, ["zezima"]))["zezima"].move is None


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_all_or_nothing_finds_first_who_cannot_come(instance: Instance, tmp_path: Path) -> None:
    there = Arrival("zezima", "Zezima", GameMode.REGULAR, 60, NOW)
    await instance.db.write_together(moves.begun("elsewhere", [there], (), ()))
    report = await bring(instance, tmp_path, {**player(), "username": "abby", "display_name": "abby"}, *WHOLE,
                         all_or_nothing=True)  # fmt: skip
    assert (report.stopped, report.players_new, len(report.refused)) == (True, 0, 1)
    path = tmp_path / "values.csv"
    path.write_text(f"player,date,metric,value\nabby,{at(3)},attack,5\nzezima,{at(3)},attack,5\n")
    report = await import_file(
        instance, path, stages=lambda _: nullcontext(lambda *_: None), now=NOW, all_or_nothing=True
    )
    assert (report.stopped, report.players_new, len(report.refused)) == (True, 0, 1)
