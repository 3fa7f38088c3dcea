"""Records over HTTP: a player's own, and the highest of everybody, a game mode, a group."""

from urllib.parse import quote

from osrsdiff.api import record_schemas as schemas
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.documents import name_document
from osrsdiff.api.group_schemas import GroupName
from osrsdiff.api.pages import leading_on
from osrsdiff.api.parsing import or_none
from osrsdiff.api.sight import why_nothing
from osrsdiff.game.metrics import kind_of, name_of
from osrsdiff.game.records import Record
from osrsdiff.storage.players import Player
from osrsdiff.storage.records import Holder
from osrsdiff.storage.seen import Seen
from osrsdiff.tracking import records as tracking
from osrsdiff.tracking.players import see_player
from osrsdiff.tracking.records import Wanted

RECORDS = "/api/v1/records"


async def player_records(call: Call[schemas.RecordsQuery, Nothing]) -> Reply[schemas.PlayerRecords]:
    """The most that the player ever gained in a day, a week, a month, a year: in any window of that length.

    A gain counts where the looks around it lie inside the window, which is stretched for that by at most a tenth: ten
    days without a look make no best day. What fell and came back is no gain.
    """
    seen = await see_player(call.instance, call.username)

    async def make() -> Reply[schemas.PlayerRecords]:
        found = await tracking.records_of(call.instance, seen.player.id, or_none(call.query.period))
        return Reply(records_document(seen, found))

    return await call.kept(seen, make)


async def record_table(call: Call[schemas.RecordTableQuery, Nothing]) -> Reply[schemas.RecordTable]:
    """Each player's record, the highest first. `next` and the header `Link` lead to the following page."""
    query = call.query
    metric = call.path["metric"]
    wanted = Wanted(metric, query.period, or_none(query.group), or_none(query.mode))
    found = await tracking.record_table(call.instance, wanted, limit=query.limit, after=or_none(query.after))
    body = table_document(found)
    given = {"period": query.period, "group": query.group, "mode": query.mode}
    return Reply(body, leading_on(f"{RECORDS}/{quote(metric, safe='')}", query.limit, body.next, given))


def records_document(seen: Seen, found: list[Record]) -> schemas.PlayerRecords:
    """A player's records as clients see them."""
    player = seen.player
    message = None if found else _why_none(player, is_reckoned=seen.is_reckoned)
    return schemas.PlayerRecords(name_document(player), [_record(one) for one in found], seen.is_reckoned, message)


def table_document(found: tracking.RecordTable) -> schemas.RecordTable:
    """The highest records as clients see them."""
    return schemas.RecordTable(
        metric=found.metric.key,
        name=found.metric.name,
        kind=found.metric.kind,
        period=found.period,
        group=None if found.group is None else GroupName(found.group.key, found.group.name),
        mode=found.mode,
        items=[_place(number, one) for number, one in zip(found.places, found.holders, strict=True)],
        next=found.next,
    )


def _record(one: Record) -> schemas.PlayerRecord:
    kind, name = kind_of(one.metric), name_of(one.metric)
    return schemas.PlayerRecord(one.metric, name, kind, one.period, one.gained, one.start, one.end)


def _place(number: int, one: Holder) -> schemas.RecordPlace:
    record = one.record
    return schemas.RecordPlace(number, name_document(one.player), record.gained, record.start, record.end)


def _why_none(player: Player, *, is_reckoned: bool) -> str:
    if player.last_look_at is None:
        return why_nothing(player)
    return "Nothing has been gained since the first look." if is_reckoned else "The history is not gone over yet."
