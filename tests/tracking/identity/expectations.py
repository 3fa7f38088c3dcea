"""Steps of cases that look whether something is so; each names only what it looks at. Hours count from the epoch."""

from datetime import datetime
from typing import Any

from cast import EPOCH, METRIC, XP_AN_HOUR, hours
from stage import Stage
from steps import Step

from osrsdiff.game.events import EventKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.records import RecordPeriod
from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.tracking import events, leaderboards, modes, records, reviews, snapshots
from osrsdiff.tracking.players import get_player
from osrsdiff.tracking.sight import player_gains
from osrsdiff.tracking.windows import Asked

TOLD_OF = (EventKind.MODE_CHANGE, EventKind.NAME_CHANGE, EventKind.FLAGGED, EventKind.NOT_FOUND)


class Mode(Step):
    """The game mode that is kept, whether it was ever shown, and its changes as (before, mode, hour of the truth)."""

    name: str
    mode: GameMode
    is_checked: bool = True
    changes: tuple[tuple[GameMode, GameMode, float], ...] = ()

    async def play(self, stage: Stage) -> None:
        player = await stage.player(self.name)
        assert (player.game_mode, player.mode_checked_at is not None) == (self.mode, self.is_checked)
        found = await modes.mode_history(stage.instance, self.name)
        assert [(one.before, one.mode) for one in found] == [(before, mode) for before, mode, _ in self.changes]
        for one, (_, _, hour) in zip(found, self.changes, strict=True):
            assert one.after is not None
            assert _hour(one.after) <= hour <= _hour(one.at)


class Told(Step):
    """What is announced of changes of mode and name, flags and absences: kind, detail where it matters, oldest first.

    `nothing_since`: from that hour on nothing else is, no level, record or achievement.
    """

    name: str
    events: tuple[tuple[EventKind, str | None], ...] = ()
    nothing_since: float | None = None

    async def play(self, stage: Stage) -> None:
        _, page = await events.player_events(stage.instance, self.name, events.Asked(limit=500))
        found = [one.event for one in reversed(page.items)]
        told = [one for one in found if one.kind in TOLD_OF]
        assert [one.kind for one in told] == [kind for kind, _ in self.events]
        for one, (_, detail) in zip(told, self.events, strict=True):
            assert detail is None or one.detail == detail
        if self.nothing_since is not None:
            since = EPOCH + hours(self.nothing_since)
            assert [one for one in found if one.at >= since and one.kind not in TOLD_OF] == []


class Reached(Step):
    """That a level was reached is told once, with the look that showed it, and nothing of the kind twice."""

    name: str
    level: int
    at: float

    async def play(self, stage: Stage) -> None:
        _, page = await events.player_events(stage.instance, self.name, events.Asked(limit=500))
        found = [one.event for one in page.items if one.event.kind in (EventKind.LEVEL_UP, EventKind.ACHIEVEMENT)]
        told = [(one.kind, one.metric, one.value, one.detail) for one in found]
        assert len(told) == len(set(told))
        assert [_hour(one.at) for one in found if (one.metric, one.value) == (METRIC, self.level)] == [self.at] * 2


class Falls(Step):
    """The hours of the looks at which something fell that can't, and of how many looks is known."""

    name: str
    at: tuple[float, ...] = ()
    looks: int | None = None

    async def play(self, stage: Stage) -> None:
        _, found = await snapshots.list_snapshots(stage.instance, self.name, limit=500)
        assert tuple(sorted(_hour(one.taken_at) for one in found if one.has_fall)) == self.at
        if self.looks is not None:
            assert len(found) == self.looks


class Flagged(Step):
    """The hour of the look that waits for a review, None: none does."""

    name: str
    at: float | None

    async def play(self, stage: Stage) -> None:
        player = await stage.player(self.name)
        assert (player.flagged_at and _hour(player.flagged_at)) == self.at


class Since(Step):
    """The hour of the look that the one at `hour` is compared with."""

    name: str
    hour: float
    look: float

    async def play(self, stage: Stage) -> None:
        _, found = await snapshots.list_snapshots(stage.instance, self.name, limit=500)
        looks = {round(_hour(one.taken_at), 1): one.previous_look_at for one in found}
        before = looks[self.hour]
        assert before is not None
        assert _hour(before) == self.look


class Reviews(Step):
    """Why the player was to be reviewed, the newest first, and how each review ended; None: it waits."""

    name: str
    found: tuple[tuple[Why, Resolution | None], ...] = ()

    async def play(self, stage: Stage) -> None:
        _, shown = await reviews.player_reviews(stage.instance, self.name)
        assert tuple((one.review.why, one.review.resolution) for one in shown) == self.found


class Missing(Step):
    """Since which hour the hiscores have not listed the player, and how often in a row something failed."""

    name: str
    since: float | None
    failures: int = 0

    async def play(self, stage: Stage) -> None:
        player = await stage.player(self.name)
        assert (player.missing_since and _hour(player.missing_since), player.failures) == (self.since, self.failures)


class Slowed(Step):
    """How many hours from now the last fetch has put the next one."""

    to: float | None

    async def play(self, stage: Stage) -> None:
        if self.to is None:
            assert stage.moved.fires == []
        else:
            assert 0 < (stage.moved.fires[-1][1] - stage.hiscores.now()) / hours(1) - self.to + 1 <= 2


class Gained(Step):
    """For how many hours of its usual training a player has gained between these.

    `own`: by the player's gains, end less start; `board`: on the leaderboard; `day`: on its best day of all. None: not
    there.
    """

    name: str
    start: float
    end: float
    own: float | None
    board: float | None
    day: float | None

    async def play(self, stage: Stage) -> None:
        start, end = EPOCH + hours(self.start), EPOCH + hours(self.end)
        player, found = await player_gains(stage.instance, self.name, start=start, end=end)
        own = {one.metric: one.gained for one in found.gains}
        wanted = leaderboards.Wanted(METRIC, asked=Asked(start=start, end=end))
        board = await leaderboards.leaderboard(stage.instance, wanted)
        scores = {one.player.id: one.score for one in board.standings}
        best = await records.records_of(stage.instance, player.id, RecordPeriod.DAY)
        days = {one.metric: one.gained for one in best}
        xp = (own.get(METRIC), scores.get(player.id), days.get(METRIC))
        assert tuple(map(_of_training, xp)) == (self.own, self.board, self.day)


class Tops(Step):
    """Who is on the leaderboards of values and of gains since the epoch, and in the table of best days, by username."""

    values: frozenset[str]
    gains: frozenset[str]
    records: frozenset[str]

    async def play(self, stage: Stage) -> None:
        board = await leaderboards.leaderboard(stage.instance, leaderboards.Wanted(METRIC))
        table = await records.record_table(stage.instance, records.Wanted(METRIC, RecordPeriod.DAY))
        assert {one.player.username for one in board.standings} == self.values
        gained = leaderboards.Wanted(METRIC, asked=Asked(start=EPOCH, end=stage.hiscores.now()))
        board = await leaderboards.leaderboard(stage.instance, gained)
        assert {one.player.username for one in board.standings} == self.gains
        assert {one.player.username for one in table.holders} == self.records


class Shown(Step):
    """What the API says at a path, of these keys."""

    path: str
    has: dict[str, Any]

    async def play(self, stage: Stage) -> None:
        document = await stage.document(self.path)
        assert {key: document[key] for key in self.has} == self.has


class Tracked(Step):
    """Who is tracked: username and whether it is active."""

    names: dict[str, bool]

    async def play(self, stage: Stage) -> None:
        for name, is_active in self.names.items():
            assert (await get_player(stage.instance, name)).is_active is is_active


class Is(Step):
    """Who has this name: who was tracked under that one at first, or somebody else."""

    name: str
    who: str
    same: bool = True

    async def play(self, stage: Stage) -> None:
        assert ((await stage.player(self.name)).id == stage.ids[self.who]) is self.same


def _of_training(xp: int | None) -> float | None:
    return None if xp is None else round(xp / XP_AN_HOUR, 2)


def _hour(at: datetime) -> float:
    return (at - EPOCH) / hours(1)
