"""Takes players' histories apart and puts them together: split, join, cut. Each in the caller's transaction.

Each locks the states of whom it concerns and moves their versions on, so a fetch that is under way stores nothing; it
rebuilds what is known of each from the changes, drops records and achievements, and sets `reckoned_by` to NULL: ask for
the reckoning job afterwards. Schedules follow rows, not these: `tracking.following.follow`.
"""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from osrsdiff.game.metrics import Metric, may_fall
from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import Unranked, is_other_total
from osrsdiff.storage import parts, passages, standing
from osrsdiff.storage import players as players_table
from osrsdiff.storage.connection import Connection, Step
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.passages import ModeRow, SnapshotRow
from osrsdiff.storage.players import Player
from osrsdiff.storage.sheets import UNRANKED_CODES, Stored
from osrsdiff.storage.standing import Stood, Value


class Remains(Struct, frozen=True):
    """What a join makes disappear. A split at the same look that is given it brings it back.

    `earlier`, `later`: the players as they were. `looked_at`, `sheet`: what was known of the earlier one. `changes`,
    `snapshots`, `falls`: what went, and the times of new falls. `mode_changes`: those of the earlier one since the
    join. `events`: its events since then, `names`: the names that the later one was given; by their ids.
    """

    earlier: Player
    later: Player
    looked_at: datetime | None = None
    sheet: Stored | None = None
    changes: list[Value] = []
    snapshots: list[SnapshotRow] = []
    falls: list[int] = []
    events: list[int] = []
    names: list[int] = []
    mode_changes: list[ModeRow] = []

    @property
    def is_exact(self) -> bool:
        """Whether two histories were joined; otherwise one of the players had none."""
        return self.sheet is not None


class Joined(Struct, frozen=True):
    """A join. `at`: the first look of the later history, None where it had none."""

    at: datetime | None
    remains: Remains


_HIDDEN = UNRANKED_CODES[Unranked.HIDDEN]
_UNKNOWN = (None, None, None, _HIDDEN)
_A_SECOND = timedelta(seconds=1)


async def split(
    conn: Connection,
    player_id: int,
    at: datetime,
    *,
    username: str,
    display_name: str,
    is_active: bool,
    player_id_of_new: int | None = None,
    remains: Remains | None = None,
) -> int:
    """Gives the looks from the one `at` on to a new player of this name, and returns its id.

    `username`: free by now, so where the later part is to keep the player's own, call the player otherwise before:
    `storage.renames.call`. The new player has the interval, and from `at` on the game mode, the attempts, the events,
    mode changes, reviews (`flagged_at` follows) and failures of the player, who keeps id, groups, name changes,
    activity and all from before. The look `at` becomes a first look, with a change for every metric known then (not for
    what is hidden ever since), and an event says so. Where there is no look so late, the new player has none.
    `player_id_of_new`: its id, which nobody has; the next one where None. `remains`: see `Remains`; the earlier part
    is then as it was before that join. Raises PlayerExists.
    """
    player, stood = (await standing.lock(conn, [player_id]))[player_id]
    new = parts.later_part(player, at, remains.later if remains else None)
    new = replace(new, username=username, display_name=display_name, is_active=is_active)
    if stood is None or stood.looked_at < at:
        new_id = await standing.add(conn, parts.never_seen(new), player_id_of_new)
        if remains is not None:
            await conn.run_all(passages.passed_names(player_id, new_id, remains.names))
            await players_table.set_active(conn, player_id, remains.earlier.is_active)
        return new_id
    new_id = await standing.add(conn, new, player_id_of_new)
    values = await standing.last_values(conn, player_id, at)
    before = await _before(conn, player, stood, at, values, remains)
    back = [] if remains is None else _brought_back(player_id, new_id, remains)  # first: a look is made where none is
    await conn.run_all([*passages.passed_on(player_id, new_id, at), *back, *passages.first_look(new_id, at)])
    sheet = await _carried_over(conn, new_id, at, values, stood.sheet, remains)
    after = replace(stood, sheet=sheet)
    await conn.run_all([*standing.save(*before), *standing.save(replace(new, id=new_id), after)])
    return new_id


async def join(conn: Connection, earlier_id: int, later_id: int) -> Joined:
    """Appends the later history to the earlier one, whose player keeps its id, name and groups; the later one's goes.

    The first change of each metric in the later history is compared with what was known before: it goes where it is no
    change, its look too where nothing is left of it, and is marked where it is a fall. Mode and attempts are those of
    the later player, who is active if one of them was. Groups and names are the caller's business. Raises ValueError
    where the earlier history changed something at the later one's first look or after.
    """
    found = await standing.lock(conn, [earlier_id, later_id])
    (earlier, known), (later, stood) = found[earlier_id], found[later_id]
    remains = Remains(earlier, later, names=await passages.names(conn, later_id))
    first = await standing.next_look(conn, later_id, moment(0))
    names = passages.passed_names(later_id, earlier_id, remains.names)
    if stood is None or first is None:
        await conn.run_all(names)
        await players_table.set_active(conn, earlier_id, earlier.is_active or later.is_active)
        await players_table.remove(conn, later_id)
        return Joined(None, remains)
    at, joined_sheet = first[0], stood.sheet
    remains = replace(remains, mode_changes=await passages.mode_changes_since(conn, earlier_id, at))
    if known is not None:
        if known.taken_at >= at:
            raise ValueError(f"{earlier.username} changed at or after the first look at {later.username}")
        remains, joined_sheet = await _led_over(conn, remains, known, stood, at)
    await conn.run_all(
        [
            *passages.dropped_mode_changes(earlier_id, at),
            *passages.passed_on(later_id, earlier_id, moment(0)),
            *names,
        ]
    )
    looked_at, version = stood.looked_at, max(stood.version, known.version if known else 0)
    taken_at = await standing.newest_before(conn, earlier_id, looked_at + _A_SECOND) or at
    one = parts.whole(earlier, later, at, looked_at=looked_at, taken_at=taken_at)
    await conn.run_all(standing.save(one, replace(stood, version=version, sheet=joined_sheet)))
    await players_table.remove(conn, later_id)
    return Joined(at, remains)


async def first_look_since(conn: Connection, player_id: int, at: datetime) -> datetime | None:
    """The first look that is known of at a time or later, also one that changed nothing; None where there is none."""
    found = await standing.next_look(conn, player_id, at)
    if found is not None:
        taken_at, before = found
        return before if before is not None and before >= at else taken_at
    stood = await standing.stood(conn, player_id)
    return stood.looked_at if stood is not None and stood.looked_at >= at else None


async def cut(conn: Connection, player_id: int, at: datetime) -> None:
    """Deletes the looks from the one `at` on with all that came of them; the state is that of the look before.

    Also a flag since then (`flagged_at` is None, its rows in `reviews` stay, for whoever notes what was decided).
    """
    player, stood = (await standing.lock(conn, [player_id]))[player_id]
    if stood is None or stood.looked_at < at:
        return
    values = await standing.last_values(conn, player_id, at)
    before = await _before(conn, player, stood, at, values, None)
    await conn.run_all([*passages.dropped(player_id, at), *standing.save(*before)])


async def _before(
    conn: Connection, player: Player, stood: Stood, at: datetime, values: dict[int, Value], remains: Remains | None
) -> tuple[Player, Stood | None]:
    """The player and what was known of it before the look at a time; its rows since then are in place yet."""
    taken_at = await standing.newest_before(conn, player.id, at)
    following = await standing.next_look(conn, player.id, at)
    if remains is not None and (remains.is_exact or taken_at is None):
        now = {"username": player.username, "display_name": player.display_name, "schedule_id": player.schedule_id}
        player = replace(remains.earlier, **now, fetch_interval_minutes=player.fetch_interval_minutes)
        if taken_at is None or remains.looked_at is None or remains.sheet is None:
            return player, None
        return player, Stood(stood.version, remains.looked_at, taken_at, remains.sheet)
    if remains is not None:
        player = replace(player, is_active=remains.earlier.is_active)
    mode = await passages.mode_before(conn, player.id, at)
    player = parts.earlier_part(player, at, None if mode is None else GameMode(mode))
    if taken_at is None:
        return parts.never_seen(player), None
    looked_at = taken_at
    if following and following[1] and following[1] < at:
        looked_at = following[1]
    known = Stood(stood.version, looked_at, taken_at, await standing.sheet_of(conn, values))
    return parts.seen(player, looked_at=looked_at, taken_at=taken_at), known


async def _carried_over(
    conn: Connection, new_id: int, at: datetime, values: dict[int, Value], newest: Stored, remains: Remains | None
) -> Stored:
    """Gives the first look what was known already, where that was seen since; the new player's sheet.

    `values`: what was known before the look. What has been hidden ever since is not known of the later part.
    """
    own = await standing.first_values(conn, new_id)
    begun, is_exact = seconds(at), remains is not None and remains.is_exact
    seen = {number for number, reading in newest.items() if reading[3] != _HIDDEN}
    carried = [
        (number, begun, *value[2:])
        for number, value in values.items()
        if (number not in own and number in seen) or (number in own and own[number][1] != begun and not is_exact)
    ]
    await conn.run_all(passages.added_changes(new_id, carried))
    known = own.keys() | {value[0] for value in carried}
    return {number: reading if number in known else _UNKNOWN for number, reading in newest.items()}


async def _led_over(
    conn: Connection, remains: Remains, known: Stood, stood: Stood, at: datetime
) -> tuple[Remains, Stored]:
    """Compares the first values of the later history with what was known before; what went, and the joined sheet."""
    earlier_id, later_id = remains.earlier.id, remains.later.id
    last = await standing.last_values(conn, earlier_id, at)
    first = await standing.first_values(conn, later_id)
    named = await by_id(conn, first.keys())
    gone = [
        value for number, value in first.items() if number in last and not _differ(named[number], last[number], value)
    ]
    fell = {value[1] for number, value in first.items() if number in last and _fell(named[number], last[number], value)}
    looked_at = known.looked_at if known.looked_at < at else known.taken_at
    remains = replace(
        remains,
        looked_at=known.looked_at,
        sheet=known.sheet,
        changes=gone,
        falls=await passages.without_fall(conn, later_id, fell),
        events=await passages.events_since(conn, earlier_id, at),
    )
    remains = replace(remains, snapshots=await passages.take_changes(conn, later_id, gone))
    await conn.run_all(
        [*passages.later_look(later_id, at, looked_at), *passages.marked(later_id, remains.falls, fell=True)]
    )
    return remains, _joined_sheet(known.sheet, stood.sheet)


def _brought_back(player_id: int, new_id: int, remains: Remains) -> list[Step]:
    """What a join has taken from the later history, and what it has put into it."""
    return [
        *passages.added_snapshots(new_id, remains.snapshots),
        *passages.added_changes(new_id, remains.changes),
        *passages.marked(new_id, remains.falls, fell=False),
        *passages.added_mode_changes(player_id, remains.mode_changes),
        *passages.passed_events(new_id, player_id, remains.events),
        *passages.passed_names(player_id, new_id, remains.names),
    ]


def _differ(metric: Metric, before: Value, after: Value) -> bool:
    return before[2] != after[2] or is_other_total(metric.key, before[4], after[4])


def _fell(metric: Metric, before: Value, after: Value) -> bool:
    return after[2] < before[2] and not may_fall(metric.key)


def _joined_sheet(before: Stored, after: Stored) -> Stored:
    """The later sheet, with what only the earlier one knew as hidden since."""
    carried = {
        number: (value, None, level, _HIDDEN) if value is not None else (value, rank, level, unranked)
        for number, (value, rank, level, unranked) in before.items()
        if number not in after or after[number][0] is None
    }
    return {**carried, **{number: reading for number, reading in after.items() if number not in carried}}
