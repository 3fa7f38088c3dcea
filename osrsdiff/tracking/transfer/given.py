"""What the items of an export come to as this program's own values. Pure.

Refuses what can't be true: a time yet to come or before the game, a metric that nobody knows, an event without what it
tells. Times are cut to whole seconds.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from osrsdiff.errors import InvalidUsername
from osrsdiff.game import merged, usernames
from osrsdiff.game.achievements import Reached
from osrsdiff.game.events import Event, is_told
from osrsdiff.game.levels import level_at
from osrsdiff.game.metrics import kind_of, metric_key
from osrsdiff.game.records import Record
from osrsdiff.game.snapshots import Reading, State
from osrsdiff.storage.arrived import Belongings
from osrsdiff.storage.export import Belongs, ModeChanged, NameChanged, Reviewed
from osrsdiff.storage.moves import Arrival
from osrsdiff.tracking.move.people import GAME_BEGAN
from osrsdiff.tracking.transfer import items
from osrsdiff.tracking.transfer.arriving import Person
from osrsdiff.tracking.transfer.items import BadRow

LEEWAY = timedelta(minutes=5)
"""Two machines' clocks may differ by so much."""

Belonging = (
    items.ModeChange | items.NameChange | items.Review | items.Achievement | items.Record | items.Event | items.Member
)
T = TypeVar("T", bound=Struct)


class Unusable(Exception):
    """A row that can't be true; the text says why."""


class Checked(Struct):
    """What rows are checked against. `renamed`: why a player of the file is one that has another name here, by name."""

    now: datetime
    metrics: set[str]
    groups: set[str]
    renamed: dict[str, str | None] = {}

    def known(self, metrics: Collection[str]) -> None:
        """Raises Unusable for a metric that neither the file nor this instance nor the game has."""
        unknown = [metric for metric in metrics if metric not in self.metrics]
        if unknown:
            raise Unusable(f"no metric is called {unknown[0][:60]!r}, neither here nor in the file.")

    def group(self, key: str) -> None:
        """Raises Unusable for a group that is neither in the file nor here."""
        if key not in self.groups:
            raise Unusable(f"there is no group {key!r}, neither here nor in the file.")


def shared(item: items.Metric | items.Group, checked: Checked) -> items.Metric | items.Group | BadRow:
    """What is no player's and no part of one, as it can be used; else a BadRow."""
    try:
        item = _whole(item, checked.now)
        if isinstance(item, items.Metric):
            _require_same(item, checked)
    except Unusable as error:
        return BadRow(str(error))
    return item


def person_of(item: items.Player, *, paused: bool, checked: Checked) -> Person:
    """The player. Raises Unusable."""
    if why := checked.renamed.get(item.username):
        raise Unusable(why)
    item = _whole(item, checked.now)
    _require_own(item.display_name, item.username)
    state = item.state
    if state is not None:
        metrics = [reading.metric for reading in state.sheet]
        checked.known(metrics)
        if len({*metrics}) != len(metrics):
            raise Unusable("its sheet has a metric twice.")
        if state.taken_at > state.looked_at:
            raise Unusable("its state changed after it was last looked at.")
    columns = {name: _plain(value) for name, value in asdict(item).items() if name != "state"}
    arrival = Arrival(item.username, item.display_name, item.game_mode, item.fetch_interval_minutes, item.created_at)
    return Person(arrival, item.is_active and not paused, columns, None if state is None else _state(state))


def look_of(item: items.Look, checked: Checked) -> merged.Look:
    """The look. Raises Unusable."""
    item = _whole(item, checked.now)
    if item.previous_look_at is not None and item.previous_look_at >= item.taken_at:
        raise Unusable("it is not later than its own previous_look_at.")
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
    item = _whole(item, checked.now)
    match item:
        case items.ModeChange():
            belongings.mode_changes.append(ModeChanged(item.at, item.after_at, item.before, item.mode))
        case items.NameChange():
            belongings.name_changes.append(_name_change(item))
        case items.Review():
            if (item.resolved_at is None) != (item.resolution is None):
                raise Unusable("of resolved_at and resolution one is missing.")
            resolved = item.resolved_at, None if item.resolution is None else item.resolution.value
            belongings.reviews.append(Reviewed(item.flagged_at, item.after_at, item.why.value, item.detail, *resolved))
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


def _whole(struct: T, now: datetime) -> T:
    """The same with times in UTC cut to seconds. Raises Unusable for a time or a text that can't be."""
    changed: dict[str, object] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, datetime):
            at = _moment(name, value, now)
            if at is not value:
                changed[name] = at
        elif isinstance(value, str) and not value.isprintable():
            raise Unusable(f"{name}: it has characters that can't be printed.")
        elif isinstance(value, items.State):
            changed[name] = _whole(value, now)
    return msgspec.structs.replace(struct, **changed) if changed else struct


def _moment(name: str, at: datetime, now: datetime) -> datetime:
    if at < GAME_BEGAN:
        raise Unusable(f"{name}: {at.isoformat()} is before the game began, on {GAME_BEGAN:%Y-%m-%d}.")
    if at > now + LEEWAY:
        raise Unusable(f"{name}: {at.isoformat()} is yet to come.")
    return at.astimezone(UTC).replace(microsecond=0) if at.microsecond or at.tzinfo is not UTC else at


def _require_same(item: items.Metric, checked: Checked) -> None:
    """Raises Unusable for a metric that is another one here, or called as no metric is."""
    if item.key in checked.metrics and kind_of(item.key) is not item.kind:
        raise Unusable(f"{item.key} is of the kind {kind_of(item.key).value} here, not {item.kind.value}.")
    try:
        key = metric_key(item.name)
    except ValueError as error:
        raise Unusable("its name has no letter and no digit.") from error
    if item.key not in (key, f"{key}_activity"):
        raise Unusable(f"its key is not that of its name, {key[:60]!r}.")


def _require_own(display_name: str, username: str) -> None:
    """Raises Unusable for a spelling of another name."""
    try:
        is_own = usernames.tracked_name(display_name) in (username, usernames.bare(username))
    except InvalidUsername:
        is_own = False
    if not is_own:
        raise Unusable(f"{display_name!r} is no spelling of {username}.")


def _event(item: items.Event, checked: Checked) -> Event:
    if item.metric is not None:
        checked.known([item.metric])
    event = Event(item.kind, item.at, item.after_at, item.metric, item.value, item.before, item.detail)
    if not is_told(event):
        raise Unusable(f"{item.kind.value}: its metric, value, before or detail is missing or odd.")
    return event


def _name_change(item: items.NameChange) -> NameChanged:
    if item.before_display is not None:
        _require_own(item.before_display, item.before)
    names = item.before, item.before_display, item.after
    return NameChanged(item.at, *names, item.joined_at, None, item.forced, item.undone_at)


def _state(state: items.State) -> State:
    sheet = {one.metric: Reading(one.value, one.rank, one.level, one.unranked) for one in state.sheet}
    return State(state.version, state.looked_at, state.taken_at, sheet)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value
