"""Leaderboards and tables of records over players with random histories, as sorting them all gives them."""

from collections.abc import Awaitable, Callable
from itertools import compress, product
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model import History
from recorded import PERIODS
from sqlalchemy import bindparam, insert, update
from strategies import SKILLS, histories, moment, on_random_histories, times_of

from osrsdiff.game.leaderboards import By
from osrsdiff.game.modes import GameMode
from osrsdiff.game.periods import Window
from osrsdiff.game.records import RecordPeriod
from osrsdiff.storage import leaderboards, players, records, tables
from osrsdiff.storage.among import Among
from osrsdiff.storage.engine import Database
from osrsdiff.storage.leaderboards import Board
from osrsdiff.storage.metrics import find
from osrsdiff.storage.players import Player

Play = Callable[..., Awaitable[Player]]
Row = tuple[str, int]
"""Whose, and how much."""

ALL_TIME = 2**40
PAGE = 2
LEVEL_30_XP = 13_363
CLAN, EVERYBODY = 1, 2


_GROUP = insert(tables.groups).values({column.name: bindparam(column.name) for column in tables.groups.c})
_FLAG = update(tables.players).where(tables.players.c.id == bindparam("player_id")).values(flagged_at=bindparam("at"))
_MEMBER = insert(tables.group_members).values({c.name: bindparam(c.name) for c in tables.group_members.c})


class Tracked(NamedTuple):
    """A player who was played. `member`: of the clan."""

    player: Player
    history: History
    mode: GameMode
    member: bool


@pytest.fixture
async def clan(db: Database) -> None:
    """Two groups, of nobody."""
    async with db.writing() as conn:
        for number, key in ((CLAN, "clan"), (EVERYBODY, "everybody")):
            await conn.run(_GROUP, {"id": number, "key": key, "name": key, "description": "", "created_at": 0})


class Question(NamedTuple):
    """Of which metric, over which window, and the players there are."""

    metric: str
    start: int
    end: int
    players: list[tuple[History, GameMode, bool]]
    flagged: list[bool]


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Players with little but one metric, so that many of them have as much as another."""
    metric = draw(st.sampled_from(["overall", "overall", "zulrah", "zulrah", "attack", "lms_rank"]))
    modes = st.sampled_from([GameMode.REGULAR, GameMode.IRONMAN])
    new = draw(st.lists(st.tuples(histories(most_looks=4, only=metric), modes, st.booleans()), min_size=1, max_size=8))
    times = times_of(new[0][0])
    start, end = sorted((draw(times), draw(times)))
    flagged = draw(st.lists(st.sampled_from([False, False, True]), min_size=len(new), max_size=len(new)))
    return Question(metric, start, max(end, start + 1), new, flagged)


@on_random_histories
@given(question=questions())
async def test_every_order_of_players(db: Database, clan: None, played: Play, question: Question) -> None:
    everybody = [
        Tracked(await played(history, mode), history, mode, member) for history, mode, member in question.players
    ]
    try:
        await _join(db, EVERYBODY, [one.player for one in everybody])
        await _join(db, CLAN, [one.player for one in everybody if one.member])
        flagged = list(compress(everybody, question.flagged))
        await _flag(db, [one.player for one in flagged])
        sound = [one for one in everybody if one not in flagged]
        for group, mode in product([None, CLAN], [None, GameMode.IRONMAN]):
            some = [one for one in sound if (one.member or not group) and mode in (None, one.mode)]
            await check_orders(db, some, question, Among(group, mode))
    finally:
        async with db.writing() as conn:
            for one in everybody:
                await players.remove(conn, one.player.id)


async def check_orders(db: Database, some: list[Tracked], question: Question, among: Among) -> None:
    metric, start, end, *_ = question
    assert await by_value(db, metric, among) == highest(some, metric)
    for is_past in (False, True):
        for by in (By.GAINED, By.IMPROVED):
            found = await by_gain(db, by, metric, start, end, among, is_past=is_past)
            assert found == most_gained(some, by, metric, start, end if is_past else ALL_TIME)
    for period in RecordPeriod:
        assert await of_records(db, metric, period, among) == largest(some, metric, period.value)


def highest(some: list[Tracked], metric: str) -> list[Row]:
    known = [(one, known) for one in some if (known := one.history.known(metric, ALL_TIME)) and known.value > 0]
    tie = {one.player.username: (known.level or 0) if metric == "overall" else 0 for one, known in known}
    rows = [(one.player.username, known.value) for one, known in known]
    return sorted(rows, key=lambda row: (-row[1], -tie[row[0]], row[0]))


def most_gained(some: list[Tracked], by: By, metric: str, start: int, end: int) -> list[Row]:
    rows = []
    for one in some:
        gain = one.history.gain_of_a_board(metric, start, end)
        if gain is None or gain.gained <= 0:
            continue
        if by is By.GAINED:
            rows.append((one.player.username, gain.gained))
        elif gain.base >= least(metric):
            rows.append((one.player.username, gain.gained * 1_000_000 // gain.base))
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def least(metric: str) -> int:
    if metric == "overall":
        return 24 * LEVEL_30_XP
    return LEVEL_30_XP if metric in SKILLS else 50


def largest(some: list[Tracked], metric: str, period: str) -> list[tuple[str, int, int, int]]:
    found = []
    for one in some:
        record = one.history.record(metric, PERIODS[period])
        if record is not None:
            found.append((one.player.username, *record))
    return sorted(found, key=lambda row: (-row[1], row[0]))


async def by_value(db: Database, metric: str, among: Among) -> list[Row]:
    rows: list[Row] = []
    after = None
    number = await _id(db, metric)
    async with db.reading() as conn:
        while True:
            board = await leaderboards.values(conn, metric, number, among=among, after=after, limit=PAGE)
            rows += _rows(board)
            if len(board.standings) < PAGE:
                assert board.count == len(rows)
                return rows
            after = _place(board)


async def by_gain(db: Database, by: By, metric: str, start: int, end: int, among: Among, *, is_past: bool) -> list[Row]:
    window = Window(moment(start), moment(end))
    rows: list[Row] = []
    after = None
    number = await _id(db, metric)
    async with db.reading() as conn:
        while True:
            board = await leaderboards.gains(
                conn, by, metric, number, window, is_past=is_past, among=among, after=after, limit=PAGE
            )
            rows += _rows(board)
            if len(board.standings) < PAGE:
                assert board.count == len(rows)
                if by is By.GAINED:
                    assert (board.total_gained or 0) == sum(gained for _, gained in rows)
                return rows
            after = _place(board)


async def of_records(db: Database, metric: str, period: RecordPeriod, among: Among) -> list[tuple[str, int, int, int]]:
    rows: list[tuple[str, int, int, int]] = []
    after = None
    number = await _id(db, metric)
    async with db.reading() as conn:
        while True:
            page = await records.best(conn, metric, number, period, among=among, after=after, limit=PAGE)
            for holder in page:
                record = holder.record
                times = int(record.start.timestamp()), int(record.end.timestamp())
                rows.append((holder.player.username, record.gained, *times))
            if len(page) < PAGE:
                return rows
            after = records.Place(page[-1].record.gained, page[-1].player.username)


def _rows(board: Board) -> list[Row]:
    return [(one.player.username, one.score) for one in board.standings]


def _place(board: Board) -> leaderboards.Place:
    last = board.standings[-1]
    return leaderboards.Place(last.score, last.tie, last.player.username)


async def _id(db: Database, metric: str) -> int:
    async with db.reading() as conn:
        found = await find(conn, metric)
    return -1 if found is None else found[0]


async def _join(db: Database, group: int, members: list[Player]) -> None:
    rows = [{"group_id": group, "player_id": player.id, "role": "member", "joined_at": 0} for player in members]
    async with db.writing() as conn:
        await conn.run_many(_MEMBER, rows)


async def _flag(db: Database, some: list[Player]) -> None:
    async with db.writing() as conn:
        await conn.run_many(_FLAG, [{"player_id": player.id, "at": 1} for player in some])
