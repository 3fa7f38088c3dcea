"""What is asked of the API by `reads.py`: paths to ask again and again, and paths to ask once.

Nothing that is asked once has been asked before: each kind of read of players has players of its own, and each kind of
leaderboard windows of its own, which begin a second apart, so that no answer and no part of one is kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import NamedTuple

import dataset
import harness
from dataset import Size

from osrsdiff.game.metrics import OVERALL

_PLAYER = "/api/v1/players/{}"
_BOARD = "/api/v1/leaderboards/{}"
_SKILLS = "attack", "mining"
"""What a third of the players usually do."""
_OF_CACHED = {harness.SQLITE: 0.6, harness.POSTGRES: 0.25}
_WEEK = timedelta(days=7)


class Read(NamedTuple):
    """One kind of read. `kept`: the paths to ask again and again; `cold`: those to ask once.

    `least_of_cached`: the goal beside cached bytes, by database; `most_ms`: the goal of an answer made anew.
    """

    title: str
    kept: Sequence[str]
    cold: Sequence[str]
    least_of_cached: Mapping[str, float]
    most_ms: float | None


def reads(size: Size, cold: int) -> list[Read]:
    """Every kind of read that is measured; no more than `cold` paths of each are asked once."""
    return [*_of_players(size, cold), *_boards(cold)]


def _of_players(size: Size, cold: int) -> Iterator[Read]:
    names = [name.replace(" ", "%20") for name in size.names()]
    hourly, others = names[: size.hourly], names[size.hourly :]

    def read(title: str, path: str, once: Sequence[str], goal: Mapping[str, float], most_ms: float | None) -> Read:
        path = _PLAYER + path
        return Read(title, [path.format(name) for name in hourly], [path.format(name) for name in once], goal, most_ms)

    def some(kind: int) -> Sequence[str]:
        return others[kind * cold : (kind + 1) * cold]

    yield read("player", "", some(0), _OF_CACHED, None)
    yield read("stats", "/stats", some(1), {}, None)
    yield read("gains of a week", "/gains?period=week", some(2), {}, 1)
    yield read("records", "/records", some(3), _OF_CACHED, None)
    # The first of those is asked before, to see whether there is such a read.
    half = min(cold, len(hourly) // 2)
    yield read("gains of a week, hourly players", "/gains?period=7d", hourly[1 : half + 1], {}, 1)
    yield read("history of a year, hourly players", "/history/overall?period=year", hourly[half + 1 :][:cold], {}, 5)


def _boards(cold: int) -> Iterator[Read]:
    begin = datetime.now(UTC) - _WEEK
    for who, extra, most_ms in (("all players", "", 25), ("a group of 500", f"&group={dataset.GROUP}", None)):
        for what, metrics in (("overall", [OVERALL]), ("two skills", _SKILLS)):
            kept = [f"{_BOARD.format(metric)}?period=week{extra}" for metric in metrics]
            once = [f"{path}{extra}" for path in _windows(metrics, begin, cold, lasts=False)]
            yield Read(f"gains in {what}, {who}", kept, once, {}, most_ms)
    once = list(_windows([OVERALL], begin, cold, lasts=True))
    yield Read("gains in overall until an hour ago, all players", once[:1], once[1:], {}, 25)


def _windows(metrics: Sequence[str], begin: datetime, count: int, *, lasts: bool) -> Iterator[str]:
    """Windows that begin a second apart. `lasts`: they end an hour ago, else when they are asked for."""
    for number, metric in zip(range(count), cycle(metrics), strict=False):
        until = f"&to={_time(begin + _WEEK - timedelta(hours=1))}" if lasts else ""
        yield f"{_BOARD.format(metric)}?by=gained&from={_time(begin + timedelta(seconds=number))}{until}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
