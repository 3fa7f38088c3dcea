"""What a file has of a player, besides looks, that is missing here. Pure.

Who was here before keeps what is here: the same thing may have been seen at another time, and is one thing all the
same. Its records and achievements are reckoned, not brought. An import that was interrupted goes on as it began.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from osrsdiff.game.events import Event, EventKind
from osrsdiff.storage.arrived import Belongings
from osrsdiff.storage.export import Kept, Reviewed

T = TypeVar("T")


def missing(given: Belongings, kept: Kept | None, *, is_new: bool, is_whole: bool) -> Belongings:
    """What is to be added. `kept`: None where the player was not here. `is_new`: an import has added the player.

    `is_whole`: all looks of the file are here; else its records and achievements are of others than these.
    """
    found = Belongings(
        mode_changes=_but(given.mode_changes, kept.mode_changes if kept else (), lambda one: one.at),
        name_changes=_but(
            given.name_changes, kept.name_changes if kept else (), lambda one: (one.at, one.before, one.after)
        ),
        reviews=_reviews(given.reviews, kept.reviews if kept else ()),
        events=_events(given.events, kept.events if kept else (), is_new=is_new),
        memberships=_but(given.memberships, kept.memberships if kept else (), lambda one: one.group),
    )
    if is_new and is_whole:
        found.achievements = _but(given.achievements, kept.achievements if kept else (), lambda one: one.rule)
        found.records = _but(given.records, kept.records if kept else (), lambda one: (one.metric, one.period))
    return found


def _reviews(given: Sequence[Reviewed], kept: Sequence[Reviewed]) -> list[Reviewed]:
    """A player has at most one open review: the one that is here, else the newest of the file."""
    found = _but(given, kept, lambda one: (one.flagged_at, one.why))
    is_open_here = any(one.resolved_at is None for one in kept)
    still_open = [one for one in found if one.resolved_at is None and not is_open_here]
    newest = max(still_open, key=lambda one: one.flagged_at, default=None)
    return [one for one in found if one.resolved_at is not None or one is newest]


def _events(given: Iterable[Event], kept: Iterable[Event], *, is_new: bool) -> list[Event]:
    if is_new:
        known = set(kept)
        return [event for event in given if event not in known]
    things = {_thing(event) for event in kept}
    found = []
    for event in given:
        if event.kind is not EventKind.ACHIEVEMENT and (thing := _thing(event)) not in things:
            things.add(thing)
            found.append(event)
    return found


def _thing(event: Event) -> object:
    """What makes two events one, whenever it was seen."""
    match event.kind:
        case EventKind.FIRST_SEEN:
            return event.kind
        case EventKind.LEVEL_UP:
            return event.kind, event.metric, event.value
        case EventKind.RECORD:
            return event.kind, event.metric, event.detail, event.value
        case _:
            return event


def _but(given: Sequence[T], kept: Sequence[T], key: Callable[[T], object]) -> list[T]:
    """Those that are not kept by the same key."""
    known = {key(one) for one in kept}
    return [one for one in given if key(one) not in known]
