"""What the items of an export come to as this program's own values. Pure.

Refuses what can't be true: a time yet to come, a metric that nobody knows.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import asdict

from osrsdiff.game import merged
from osrsdiff.game.achievements import Reached
from osrsdiff.game.events import Event
from osrsdiff.game.levels import level_at
from osrsdiff.game.records import Record
from osrsdiff.game.snapshots import Reading, State
from osrsdiff.storage.arrived import Belongings
from osrsdiff.storage.export import Belongs, ModeChanged, NameChanged, Reviewed
from osrsdiff.storage.moves import Arrival
from osrsdiff.tracking.transfer import items
from osrsdiff.tracking.transfer.arriving import Person

LEEWAY = timedelta(minutes=5)
"""Two machines' clocks may differ by so much."""

Belonging = (
    items.ModeChange | items.NameChange | items.Review | items.Achievement | items.Record | items.Event | items.Member
)


class Unusable(Exception):
    """A row that can't be true; the text says why."""


class Checked(Struct):
    """What rows are checked against."""

    now: datetime
    metrics: set[str]
    groups: set[str]

    def time(self, at: datetime) -> None:
        """Raises Unusable for a time that is yet to come."""
        if at > self.now + LEEWAY:
            raise Unusable(f"its time, {at:%Y-%m-%d %H:%M} UTC, is yet to come.")

    def known(self, metrics: Collection[str]) -> None:
        """Raises Unusable for a metric that neither the file nor this instance nor the game has."""
        unknown = [metric for metric in metrics if metric not in self.metrics]
        if unknown:
            raise Unusable(f"no metric is called {unknown[0][:60]!r}, neither here nor in the file.")

    def group(self, key: str) -> None:
        """Raises Unusable for a group that is neither in the file nor here."""
        if key not in self.groups:
            raise Unusable(f"there is no group {key!r}, neither here nor in the file.")


def person_of(item: items.Player, *, paused: bool, checked: Checked) -> Person:
    """The player. Raises Unusable."""
    state = item.state
    if state is not None:
        checked.time(state.looked_at)
        checked.known([reading.metric for reading in state.sheet])
    columns = {name: _plain(value) for name, value in asdict(item).items() if name != "state"}
    arrival = Arrival(item.username, item.display_name, item.game_mode, item.fetch_interval_minutes, item.created_at)
    return Person(arrival, item.is_active and not paused, columns, None if state is None else _state(state))


def look_of(item: items.Look, checked: Checked) -> merged.Look:
    """The look. Raises Unusable."""
    checked.time(item.taken_at)
    readings = {
        one.metric: Reading(one.value, one.rank, level_at(one.metric, one.value, one.level), one.unranked)
        for one in item.changes
    }
    checked.known(readings.keys())
    if len(readings) != len(item.changes):
        raise Unusable("it has a metric twice.")
    return merged.Look(item.taken_at, item.previous_look_at, readings, not item.is_partial, item.has_fall)


def add(belongings: Belongings, item: Belonging, checked: Checked) -> None:
    """Adds what belongs to a player. Raises Unusable."""
    match item:
        case items.ModeChange():
            checked.time(item.at)
            belongings.mode_changes.append(ModeChanged(item.at, item.after_at, item.before, item.mode))
        case items.NameChange():
            belongings.name_changes.append(_name_change(item))
        case items.Review():
            checked.time(item.flagged_at)
            resolved = item.resolved_at, item.resolution
            belongings.reviews.append(Reviewed(item.flagged_at, item.after_at, item.why, item.detail, *resolved))
        case items.Event():
            belongings.events.append(_event(item, checked))
        case items.Achievement():
            checked.known([item.metric])
            reached = Reached(item.metric, item.measure, item.threshold, item.reached_at, item.after_at)
            belongings.achievements.append(reached)
        case items.Record():
            checked.known([item.metric])
            belongings.records.append(Record(item.metric, item.period, item.gained, item.start_at, item.end_at))
        case items.Member():
            checked.group(item.group)
            belongings.memberships.append(Belongs(item.group, item.role, item.joined_at))


def _event(item: items.Event, checked: Checked) -> Event:
    checked.time(item.at)
    if item.metric is not None:
        checked.known([item.metric])
    return Event(item.kind, item.at, item.after_at, item.metric, item.value, item.before, item.detail)


def _name_change(item: items.NameChange) -> NameChanged:
    return NameChanged(
        item.at,
        item.before,
        item.before_display,
        item.after,
        item.joined_at,
        item.merged,
        item.forced,
        item.undone_at,
    )


def _state(state: items.State) -> State:
    sheet = {one.metric: Reading(one.value, one.rank, one.level, one.unranked) for one in state.sheet}
    return State(state.version, state.looked_at, state.taken_at, sheet)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value
