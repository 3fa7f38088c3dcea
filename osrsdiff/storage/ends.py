"""What a history begins and ends with: the values by which two of them are compared."""

from collections.abc import Mapping
from datetime import datetime

from osrsdiff.game.lineage import End
from osrsdiff.storage import standing
from osrsdiff.storage.connection import Connection
from osrsdiff.storage.epoch import moment, seconds
from osrsdiff.storage.metrics import by_id
from osrsdiff.storage.standing import Value


async def end(conn: Connection, player_id: int, before: datetime) -> End | None:
    """What was known of a player after its last look before a time; None where there was none."""
    taken_at, stood = await standing.newest_before(conn, player_id, before), await standing.stood(conn, player_id)
    if taken_at is None or stood is None:
        return None
    values = await standing.last_values(conn, player_id, before)
    return await _end(conn, stood.looked_at if stood.looked_at < before else taken_at, values)


async def beginning(conn: Connection, player_id: int) -> End | None:
    """What the player's first look has shown; None where there was none."""
    first = await standing.next_look(conn, player_id, moment(0))
    if first is None:
        return None
    begun = seconds(first[0])
    values = await standing.first_values(conn, player_id)
    return await _end(conn, first[0], {number: value for number, value in values.items() if value[1] == begun})


async def _end(conn: Connection, at: datetime, values: Mapping[int, Value]) -> End:
    named = await by_id(conn, values.keys())
    return End(at, {named[number].key: value[2] for number, value in values.items()})
