"""Groups and members as clients see them: what the API answers and commands print with `--json`. Pure."""

from collections.abc import Callable, Sequence

import msgspec

from osrsdiff.api import group_schemas as schemas
from osrsdiff.api.documents import name_document
from osrsdiff.api.schedule_schemas import RefusedName
from osrsdiff.errors import UserError
from osrsdiff.game.groups import BadLine
from osrsdiff.storage.groups import Group, Member, Membership
from osrsdiff.storage.players import Player
from osrsdiff.tracking.members import Put, TakenOut


def group_document(group: Group) -> schemas.Group:
    """A group."""
    return msgspec.convert(group, schemas.Group, from_attributes=True)


def member_document(member: Member) -> schemas.Member:
    """A member."""
    player = member.player
    return schemas.Member(name_document(player), member.role, member.joined_at, player.is_active, player.last_look_at)


def memberships_document(player: Player, found: Sequence[Membership]) -> schemas.Memberships:
    """The groups that a player is in."""
    items = [schemas.Membership(group_document(one.group), one.role, one.joined_at) for one in found]
    return schemas.Memberships(name_document(player), items)


def put_document(
    put: Put, bad: Sequence[BadLine], *, reason: Callable[[UserError], str] = str, most: int | None = None
) -> schemas.MembersPut:
    """What became of a list of members. `bad`: its lines that can't be read. `most`: so many are listed of each."""
    return schemas.MembersPut(
        added=len(put.added),
        changed=len(put.changed),
        unchanged=len(put.unchanged),
        tracked=len(put.tracked),
        scheduled=put.scheduled,
        refused=[RefusedName(one.name, reason(one.error)) for one in put.refused[:most]],
        refused_count=len(put.refused),
        bad_lines=[schemas.BadLine(one.line, one.reason) for one in bad[:most]],
        bad_line_count=len(bad),
        message=put_in_words(put),
    )


def put_in_words(put: Put) -> str:
    """The same in a line."""
    counts = {
        "added": len(put.added),
        "with another role now": len(put.changed),
        "there already": len(put.unchanged),
        "tracked from now on": len(put.tracked),
    }
    said = ", ".join(f"{count:,} {words}" for words, count in counts.items() if count)
    later = "" if put.scheduled else " Redis does not answer: who is new is fetched once it does."
    return f"{said}.{later}" if said else "Nothing changed."


def taken_out_document(
    taken: TakenOut, *, reason: Callable[[UserError], str] = str, most: int | None = None
) -> schemas.MembersTakenOut:
    """What became of taking players out."""
    refused = [RefusedName(one.name, reason(one.error)) for one in taken.refused[:most]]
    return schemas.MembersTakenOut(len(taken.removed), refused, len(taken.refused))
