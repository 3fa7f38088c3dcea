"""What the database keeps of players, as items. Pure."""

from collections.abc import Collection, Iterator

from msgspec.structs import asdict

from osrsdiff.game.reviews import Resolution, Why
from osrsdiff.storage.export import Kept
from osrsdiff.storage.export_looks import Look
from osrsdiff.storage.players import Player as Tracked
from osrsdiff.tracking.transfer import items
from osrsdiff.tracking.transfer.items import Item

_SHARED = [name for name in items.Player.__struct_fields__ if name in Tracked.__struct_fields__]


def player_of(kept: Kept) -> items.Player:
    """The player, with its newest state."""
    values = asdict(kept.player)
    own = {name: values[name] for name in _SHARED}
    return items.Player(**own, reckoned_by=kept.reckoned_by, state=_state(kept))


def look_of(username: str, look: Look) -> items.Look:
    """A look of the player."""
    changes = tuple(items.Change(*change) for change in look.changes)
    return items.Look(username, look.taken_at, look.previous_look_at, look.has_fall, look.is_partial, changes)


def belongings_of(kept: Kept, groups: Collection[str]) -> Iterator[Item]:
    """What else is kept of the player, but for the looks. `groups`: the keys of those that may be named."""
    username = kept.player.username
    for mode in kept.mode_changes:
        yield items.ModeChange(username, mode.at, mode.before, mode.mode, mode.after)
    for name in kept.name_changes:
        yield items.NameChange(
            username,
            name.at,
            name.before,
            name.after,
            name.before_display,
            name.forced,
            name.joined_at,
            name.undone_at,
        )
    for review in kept.reviews:
        flagged_at, after, why, detail, resolved_at, resolution = review
        decided = Resolution(resolution) if resolution else None
        yield items.Review(username, flagged_at, Why(why), detail, after, resolved_at, decided)
    for reached in kept.achievements:
        yield items.Achievement(username, reached.metric, reached.measure, reached.threshold, reached.at, reached.after)
    for record in kept.records:
        yield items.Record(username, record.metric, record.period, record.gained, record.start, record.end)
    for event in kept.events:
        yield items.Event(
            username, event.at, event.kind, event.after, event.metric, event.value, event.before, event.detail
        )
    for membership in kept.memberships:
        if membership.group in groups:
            yield items.Member(username, membership.group, membership.role, membership.joined_at)


def _state(kept: Kept) -> items.State | None:
    state = kept.state
    if state is None:
        return None
    sheet = tuple(
        items.Reading(metric, one.value, one.rank, one.level, one.unranked) for metric, one in state.sheet.items()
    )
    return items.State(state.version, state.looked_at, state.taken_at, sheet)
