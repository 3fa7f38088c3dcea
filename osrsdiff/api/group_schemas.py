"""The JSON of groups and their members. As in `schemas`, the OpenAPI document is made from the types that validate."""

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType

from osrsdiff.api.schedule_schemas import RefusedName
from osrsdiff.api.schemas import PlayerName, Request, Time, Username
from osrsdiff.game.groups import DEFAULT_ROLE, LONGEST_DESCRIPTION, LONGEST_KEY, LONGEST_NAME, LONGEST_ROLE

MOST_AT_ONCE = 10_000

Key = Annotated[str, Meta(description="Identifies the group.", examples=["iron-squad"])]
GivenKey = Annotated[
    str,
    Meta(
        min_length=1,
        description=f"Lower case letters and digits joined by hyphens, {LONGEST_KEY} at most; all else is made so.",
        examples=["iron-squad"],
    ),
]
Name = Annotated[str, Meta(description=f"1 to {LONGEST_NAME} characters.", examples=["Iron Squad"])]
Description = Annotated[
    str, Meta(description=f"{LONGEST_DESCRIPTION} characters at most.", examples=["Thursdays at eight."])
]
Role = Annotated[
    str,
    Meta(description=f"Any text of 1 to {LONGEST_ROLE} characters; `{DEFAULT_ROLE}` by default.", examples=["captain"]),
]
Usernames = Annotated[
    list[Username],
    Meta(min_length=1, max_length=MOST_AT_ONCE, description=f"In any spelling; {MOST_AT_ONCE:,} at most."),
]


class GroupsQuery(Request, frozen=True):
    """Which page of the groups."""

    limit: Annotated[int, Meta(ge=1, le=500, description="How many at most.")] = 50
    after: Annotated[str, Meta(min_length=1, description="The `next` of the page before.")] | UnsetType = UNSET


class MembersQuery(Request, frozen=True):
    """Which page of a group's members."""

    limit: Annotated[int, Meta(ge=1, le=500, description="How many at most.")] = 50
    after: Annotated[str, Meta(min_length=1, description="The `next` of the page before.")] | UnsetType = UNSET


class AddGroup(Request, frozen=True):
    """A group to make."""

    name: Name
    key: GivenKey | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class ChangeGroup(Request, frozen=True):
    """What to change; at least one of the three. The key stays unless another one is given."""

    name: Name | UnsetType = UNSET
    key: GivenKey | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class GivenMember(Request, frozen=True):
    """A player to put into a group. Who is in it keeps the role where none is given."""

    username: Username
    role: Role | UnsetType = UNSET


class PutMembers(Request, frozen=True):
    """Whom to put into a group: `members` or `text`, or both."""

    EXAMPLE: ClassVar = {"members": ["Lynx Titan", {"username": "Fern Gully", "role": "captain"}], "track": True}

    members: (
        Annotated[
            list[Username | GivenMember],
            Meta(max_length=MOST_AT_ONCE, description=f"Names, or names with roles; {MOST_AT_ONCE:,} at most."),
        ]
        | UnsetType
    ) = UNSET
    text: (
        Annotated[
            str,
            Meta(
                description="A list as a file has it: one name a line, its role after a comma or a tab; or CSV whose "
                "first line names the columns. # starts a comment. A line that can't be read stops nothing.",
                examples=["username,role\nLynx Titan,captain\n"],
            ),
        ]
        | UnsetType
    ) = UNSET
    track: Annotated[
        bool,
        Meta(
            description="Whether who is not tracked yet is to be from now on, at the usual interval.", examples=[True]
        ),
    ] = False


class TakeOutMembers(Request, frozen=True):
    """Whom to take out of a group."""

    EXAMPLE: ClassVar = {"usernames": ["Lynx Titan", "Fern Gully"]}

    usernames: Usernames


class GroupName(Struct, frozen=True):
    """Which group."""

    key: Key
    name: Annotated[str, Meta(examples=["Iron Squad"])]


class Group(GroupName, frozen=True):
    """A set of players."""

    description: Annotated[str, Meta(examples=["Thursdays at eight."])]
    created_at: Time
    member_count: Annotated[int, Meta(description="How many players are in it.", examples=[42])]


class GroupPage(Struct, frozen=True):
    """Some groups, by key."""

    items: list[Group]
    next: Annotated[str | None, Meta(description="What `after` takes for the next page; null at the end.")]


class Member(Struct, frozen=True):
    """A player in a group."""

    player: PlayerName
    role: Annotated[str, Meta(examples=["captain"])]
    joined_at: Annotated[Time, Meta(description="When the player was put into the group here.")]
    is_active: Annotated[bool, Meta(description="False while paused.", examples=[True])]
    last_look_at: Annotated[Time | None, Meta(description="When the hiscores last gave data.")]


class MemberPage(Struct, frozen=True):
    """Some members of a group, by username."""

    group: Group
    items: list[Member]
    next: Annotated[str | None, Meta(description="What `after` takes for the next page; null at the end.")]


class BadLine(Struct, frozen=True):
    """A line of `text` that can't be read."""

    line: Annotated[int, Meta(description="From 1 on.", examples=[3])]
    reason: Annotated[str, Meta(examples=["Its quotes do not close."])]


class MembersPut(Struct, frozen=True):
    """What became of a list of members."""

    added: Annotated[int, Meta(description="How many are new in the group.", examples=[11])]
    changed: Annotated[int, Meta(description="How many have another role now.", examples=[1])]
    unchanged: Annotated[int, Meta(description="How many were in it with this role.", examples=[0])]
    tracked: Annotated[int, Meta(description="How many are tracked from now on.", examples=[2])]
    scheduled: Annotated[
        bool,
        Meta(
            description="Whether these are fetched from now on; false while Redis is away, then it follows by itself.",
            examples=[True],
        ),
    ]
    refused: Annotated[list[RefusedName], Meta(description="The first twenty names with which nothing was done.")]
    refused_count: Annotated[int, Meta(description="How many there are in all, each counted once.", examples=[1])]
    bad_lines: Annotated[list[BadLine], Meta(description="The first twenty lines of `text` that can't be read.")]
    bad_line_count: Annotated[int, Meta(description="How many there are in all.", examples=[1])]
    message: Annotated[str, Meta(examples=["11 added, 1 changed."])]


class MembersTakenOut(Struct, frozen=True):
    """What became of taking players out of a group."""

    removed: Annotated[int, Meta(description="How many are no members any more.", examples=[2])]
    refused: Annotated[list[RefusedName], Meta(description="The first twenty names with which nothing was done.")]
    refused_count: Annotated[int, Meta(description="How many there are in all, each counted once.", examples=[0])]


class Membership(Struct, frozen=True):
    """A group that a player is in."""

    group: Group
    role: Annotated[str, Meta(examples=["captain"])]
    joined_at: Time


class Memberships(Struct, frozen=True):
    """The groups that a player is in, by key."""

    player: PlayerName
    items: list[Membership]
