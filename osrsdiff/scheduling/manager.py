"""Players' schedules: one for each active player, made, changed, checked and removed here, one by one or in bulk.

Knows player ids and intervals, no database. Every method raises RedisUnreachable.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from taskiq import AsyncBroker, ScheduledTask, ScheduleSource
from taskiq.kicker import AsyncKicker
from taskiq.scheduler.created_schedule import CreatedSchedule

from osrsdiff.scheduling.constants import FETCH_TASK, SCHEDULE_TYPE, schedule_id_of
from osrsdiff.scheduling.cron import interval_to_cron, next_beat, phase_s
from osrsdiff.scheduling.drafts import Draft, draft_of
from osrsdiff.scheduling.source import PlayerScheduleSource
from osrsdiff.scheduling.store import chunks


@dataclass(frozen=True, slots=True)
class Checked:
    """Players whose schedules are not as they should be: not there, or another cron, task, label or argument."""

    missing: list[int]
    different: list[int]


class PlayerScheduleManager:
    """The schedules of `source` that send the fetch task through `broker`."""

    def __init__(self, source: PlayerScheduleSource, broker: AsyncBroker) -> None:
        self._source = source
        self._broker = broker

    def schedule_id_of(self, player_id: int) -> str:
        """The id of a player's one schedule, whether it is there or not."""
        return schedule_id_of(player_id)

    async def schedule_player(self, player_id: int, interval_minutes: int) -> str:
        """Has a player fetched every so many minutes, from the next beat on; the schedule's id.

        One that is scheduled so already keeps its next fire. Raises InvalidInterval.
        """
        return (await self._create(self._source, player_id, interval_minutes)).schedule_id

    async def unschedule_player(self, player_id: int) -> None:
        """Ends a player's scheduled fetches; nothing happens where there are none."""
        schedule_id = schedule_id_of(player_id)
        stored = await self._source.get_schedule(schedule_id)
        if stored is None:
            await self._source.delete_schedule(schedule_id)
        else:
            await CreatedSchedule(self._kicker(stored.labels), self._source, stored).unschedule()

    async def reschedule_player(self, player_id: int, interval_minutes: int) -> str:
        """Gives a player another interval, effective from the next beat on; the schedule's id, which stays.

        Raises InvalidInterval.
        """
        return await self.schedule_player(player_id, interval_minutes)

    async def ensure_player_scheduled(self, player_id: int, interval_minutes: int) -> bool:
        """Makes sure that the schedule is there and as it should be; whether it had to be mended.

        Raises InvalidInterval.
        """
        return bool(await self.schedule_players({player_id: interval_minutes}))

    async def retry_player(
        self, player_id: int, at: float, *, beat: int | None = None, retry: int = 0, only_sooner: bool = False
    ) -> datetime | None:
        """Moves a player's next fire to the epoch second `at`, never nearer than 10 s; the beats after it stay.

        `beat`: the one that is tried again, which the task's id will name; `retry`: how often it was tried before,
        which a label will say. `only_sooner`: a fire that comes before `at`, or was moved already, stays. When the
        player is fetched next; None where nothing is scheduled.
        """
        schedule_id = schedule_id_of(player_id)
        fire = await self._source.postpone(schedule_id, at, beat=beat, retry=retry, only_sooner=only_sooner)
        return None if fire is None else datetime.fromtimestamp(fire, UTC)

    async def next_fire(self, player_id: int) -> datetime | None:
        """When a player is fetched next; None where nothing is scheduled. It is past while it waits its turn."""
        return (await self.next_fires([player_id])).get(player_id)

    async def next_fires(self, player_ids: Iterable[int]) -> dict[int, datetime]:
        """When each player is fetched next, of those that are scheduled."""
        ids = list(player_ids)
        fires = await self._source.next_fires([schedule_id_of(player_id) for player_id in ids])
        return {
            player_id: datetime.fromtimestamp(fire, UTC)
            for player_id, fire in zip(ids, fires, strict=True)
            if fire is not None
        }

    async def schedule_players(
        self, intervals: Mapping[int, int], *, first_fires: Mapping[int, float] | None = None
    ) -> int:
        """Schedules many players, given minutes by player id; how many were not scheduled so already.

        `first_fires`: the epoch second at which some of those fire first, instead of at their next beat.
        Raises InvalidInterval.
        """
        first = {schedule_id_of(player_id): at for player_id, at in (first_fires or {}).items()}
        changed = 0
        for some in chunks(intervals.items()):
            changed += await self._source.add_drafts(await self._drafts(some), first_fires=first)
        return changed

    async def unschedule_players(self, player_ids: Iterable[int]) -> int:
        """Ends many players' scheduled fetches; how many had some."""
        return await self._source.delete_schedules(schedule_id_of(player_id) for player_id in player_ids)

    async def check_players(self, intervals: Mapping[int, int]) -> Checked:
        """Which players' schedules are not as they should be, given minutes by player id. Changes nothing."""
        checked = Checked([], [])
        for some in chunks(intervals.items()):
            player_ids = {schedule_id_of(player_id): player_id for player_id, _ in some}
            found = await self._source.compare(await self._drafts(some))
            checked.missing.extend(player_ids[schedule_id] for schedule_id in found.missing)
            checked.different.extend(player_ids[schedule_id] for schedule_id in found.different)
        return checked

    async def ensure_players_scheduled(self, intervals: Mapping[int, int]) -> Checked:
        """Makes sure of many players' schedules, given minutes by player id; those that had to be mended."""
        checked = await self.check_players(intervals)
        await self.schedule_players({id_: intervals[id_] for id_ in (*checked.missing, *checked.different)})
        return checked

    async def _drafts(self, intervals: Sequence[tuple[int, int]]) -> list[Draft]:
        """The schedules as they should be: one is made as a single one is, and the others differ in particulars."""
        one = (await self._create(_Nowhere(), *intervals[0])).task
        common: dict[str, object] = msgspec.json.decode(draft_of(one).json)
        return [_draft(common, player_id, minutes) for player_id, minutes in intervals]

    async def _create(self, source: ScheduleSource, player_id: int, minutes: int) -> CreatedSchedule[Any]:
        kicker = self._kicker({}).with_schedule_id(schedule_id_of(player_id)).with_labels(**_labels(player_id, minutes))
        return await kicker.schedule_by_cron(source, _cron(player_id, minutes), player_id)

    def _kicker(self, labels: dict[str, Any]) -> AsyncKicker[Any, Any]:
        return AsyncKicker(FETCH_TASK, self._broker, labels)


def _labels(player_id: int, minutes: int) -> dict[str, str]:
    """What tells two schedules apart that share a cron. Strings, as every label becomes one in a schedule."""
    return {
        "player_id": str(player_id),
        "schedule_type": SCHEDULE_TYPE,
        "interval_minutes": str(minutes),
        "phase_s": str(phase_s(player_id, minutes)),
    }


def _cron(player_id: int, minutes: int) -> str:
    return interval_to_cron(minutes, phase_s(player_id, minutes))


def _draft(common: dict[str, object], player_id: int, minutes: int) -> Draft:
    """A player's schedule, given what all have in common."""
    schedule_id = schedule_id_of(player_id)
    particulars = {
        "schedule_id": schedule_id,
        "labels": _labels(player_id, minutes),
        "args": [player_id],
        "cron": _cron(player_id, minutes),
    }
    first_fire = partial(next_beat, interval_minutes=minutes, phase_s=phase_s(player_id, minutes))
    return Draft(schedule_id, msgspec.json.encode(common | particulars), first_fire)


class _Nowhere(ScheduleSource):
    """Takes a schedule that is only to be looked at."""

    async def get_schedules(self) -> list[ScheduledTask]:
        return []

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Writes nothing."""
