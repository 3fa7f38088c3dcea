"""Groups over HTTP: list, make, look up, change, delete them; list, put in and take out their members."""

from collections.abc import Sequence

from msgspec import UNSET

from osrsdiff.api import group_schemas as schemas
from osrsdiff.api import problems
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.group_documents import (
    group_document,
    member_document,
    memberships_document,
    put_document,
    taken_out_document,
)
from osrsdiff.api.pages import leading_on
from osrsdiff.api.parsing import or_none
from osrsdiff.api.problems import Refused
from osrsdiff.errors import InvalidGroup, InvalidUsername, NotAMember
from osrsdiff.game import usernames
from osrsdiff.game.groups import BadLine, group_key, read_members, role_of
from osrsdiff.tracking import groups as tracking
from osrsdiff.tracking import members
from osrsdiff.tracking.members import Wanted
from osrsdiff.tracking.selection import RefusedName

GROUPS = "/api/v1/groups"

SHOWN = 20


async def list_groups(call: Call[schemas.GroupsQuery, Nothing]) -> Reply[schemas.GroupPage]:
    """Sorted by key. `next` and the header `Link` lead to the following page."""
    query = call.query
    after = None if query.after is UNSET else _read_key(query.after)
    found = await tracking.list_groups(call.instance, after=after, limit=query.limit + 1)
    items = [group_document(group) for group in found[: query.limit]]
    following = items[-1].key if len(found) > query.limit else None
    return Reply(schemas.GroupPage(items, following), leading_on(GROUPS, query.limit, following))


async def create_group(call: Call[Nothing, schemas.AddGroup]) -> Reply[schemas.Group]:
    """Makes a group, empty. Its key is made from its name, unless one is given."""
    wanted = call.body
    group = await tracking.create_group(
        call.instance,
        wanted.name,
        key=or_none(wanted.key),
        description="" if wanted.description is UNSET else wanted.description,
    )
    return Reply(group_document(group), {"Location": f"{GROUPS}/{group.key}"})


async def get_group(call: Call[Nothing, Nothing]) -> Reply[schemas.Group]:
    """A group, and how many are in it."""
    return Reply(group_document(await tracking.get_group(call.instance, call.path["group"])))


async def change_group(call: Call[Nothing, schemas.ChangeGroup]) -> Reply[schemas.Group]:
    """Gives it another name, key or description."""
    name, key, description = (
        or_none(call.body.name),
        or_none(call.body.key),
        or_none(call.body.description),
    )
    if name is None and key is None and description is None:
        raise Refused(problems.INVALID_FIELD, "Nothing to change: give name, key or description.")
    group = await tracking.change_group(
        call.instance, call.path["group"], name=name, new_key=key, description=description
    )
    return Reply(group_document(group))


async def delete_group(call: Call[Nothing, Nothing]) -> Reply[Nothing]:
    """Forgets the group; its players stay, with their history."""
    await tracking.delete_group(call.instance, call.path["group"])
    return Reply(Nothing())


async def list_members(call: Call[schemas.MembersQuery, Nothing]) -> Reply[schemas.MemberPage]:
    """Who is in it, sorted by username. `next` and the header `Link` lead to the following page."""
    query = call.query
    after = None if query.after is UNSET else _read_name(query.after)
    group, found = await members.list_members(call.instance, call.path["group"], after=after, limit=query.limit + 1)
    items = [member_document(member) for member in found[: query.limit]]
    following = items[-1].player.username if len(found) > query.limit else None
    body = schemas.MemberPage(group_document(group), items, following)
    return Reply(body, leading_on(f"{GROUPS}/{group.key}/members", query.limit, following))


async def put_members(call: Call[Nothing, schemas.PutMembers]) -> Reply[schemas.MembersPut]:
    """Puts players in, and gives those who are in other roles. With `track` names that are not tracked are from now on,
    their first looks come by their schedules; else they are reported.

    Names that are nobody's are reported, the others done. Where every name is refused the answer is what a single one
    gets: 404, or 422 where none of them is a player's name at all.
    """
    wanted, bad = _wanted(call.body)
    if not wanted and not bad:
        raise Refused(problems.INVALID_FIELD, "Say who: give members, or a text that names somebody.")
    put = await members.put_members(call.instance, call.path["group"], wanted, track_unknown=call.body.track)
    if not (put.added or put.changed or put.unchanged):
        raise _nobody(put.refused, bad, field="members")
    return Reply(put_document(put, bad, reason=problems.told, most=SHOWN))


async def take_out_members(call: Call[Nothing, schemas.TakeOutMembers]) -> Reply[schemas.MembersTakenOut]:
    """Takes players out; they stay tracked. Names that are refused are treated as when putting in."""
    taken = await members.take_out(call.instance, call.path["group"], call.body.usernames)
    if not taken.removed:
        raise _nobody(taken.refused, [], field="usernames")
    return Reply(taken_out_document(taken, reason=problems.told, most=SHOWN))


async def take_out_member(call: Call[Nothing, Nothing]) -> Reply[Nothing]:
    """Takes a player out, who stays tracked."""
    taken = await members.take_out(call.instance, call.path["group"], [call.username])
    if taken.refused:
        raise taken.refused[0].error
    return Reply(Nothing())


async def player_groups(call: Call[Nothing, Nothing]) -> Reply[schemas.Memberships]:
    """The groups that a player is in, with the roles there."""
    return Reply(memberships_document(*await tracking.groups_of(call.instance, call.username)))


def _wanted(body: schemas.PutMembers) -> tuple[list[Wanted], list[BadLine]]:
    """Who is to be put in, and what of the text can't be read. Raises InvalidGroup for a role outside the rules."""
    given = [] if body.members is UNSET else body.members
    read = read_members("" if body.text is UNSET else body.text)
    if len(given) + len(read.members) > schemas.MOST_AT_ONCE:
        raise Refused(problems.INVALID_FIELD, f"That is more than {schemas.MOST_AT_ONCE:,} names; send them in parts.")
    listed = [Wanted(one.name, one.role) for one in read.members]
    return [*(_one(one) for one in given), *listed], read.bad


def _one(given: str | schemas.GivenMember) -> Wanted:
    if isinstance(given, str):
        return Wanted(given)
    return Wanted(given.username, None if given.role is UNSET else role_of(given.role))


def _nobody(refused: Sequence[RefusedName], bad: Sequence[BadLine], *, field: str) -> Refused:
    """What a list is to a client in which no name can be done anything with."""
    reasons = [f"Line {one.line}: {one.reason}" for one in bad] + [problems.told(one.error) for one in refused]
    shown = reasons[:SHOWN]
    if more := len(reasons) - len(shown):
        shown.append(f"{more:,} more are refused.")
    kind = problems.PLAYER_NOT_FOUND
    if all(isinstance(one.error, InvalidUsername) for one in refused):
        kind = problems.INVALID_USERNAME if refused else problems.INVALID_GROUP
    elif any(isinstance(one.error, NotAMember) for one in refused):
        kind = problems.NOT_A_MEMBER
    return Refused(kind, " ".join(shown), field=field)


def _read_key(after: str) -> str:
    try:
        return group_key(after)
    except InvalidGroup as error:
        raise Refused(problems.INVALID_FIELD, f"after is no `next` of a page: {error}", field="after") from error


def _read_name(after: str) -> str:
    try:
        return usernames.tracked_name(after)
    except InvalidUsername as error:
        raise Refused(problems.INVALID_FIELD, f"after is no `next` of a page: {error}", field="after") from error
