"""Everything that is kept of a player, as JSON Lines."""

import io
from datetime import UTC, datetime

from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.tracking.groups import groups_of
from osrsdiff.tracking.players import see_player
from osrsdiff.tracking.transfer.exporting import Wanted, export_lines

MEDIA_TYPE = "application/x-ndjson"


async def export_player(call: Call[Nothing, Nothing]) -> Reply[bytes]:
    """All that is kept of a player as JSON Lines, one item a line: what `type` says, a header first.

    The same that `osrsdiff export` writes: the player with its newest sheet, every look with what it changed, changes
    of mode and name, reviews, achievements, records, events and groups. The last line has the type `end`; where it is
    missing the answer was cut short.
    """
    # the groups move on without the player
    follows = await see_player(call.instance, call.username), repr((await groups_of(call.instance, call.username))[1])

    async def make() -> Reply[bytes]:
        body = io.BytesIO()
        await export_lines(call.instance, Wanted([call.username]), body.write, now=datetime.now(UTC))
        name = f"{follows[0].player.username.replace(' ', '_')}.jsonl"
        return Reply(body.getvalue(), {"Content-Disposition": f'attachment; filename="{name}"'})

    return await call.kept(follows, make, alike=follows)  # but for the header, which says when it was made
