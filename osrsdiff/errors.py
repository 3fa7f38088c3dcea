"""Every error that osrsdiff raises on purpose, in one tree.

OsrsdiffError
├── UserError                  what somebody asked can't be done as asked; the message says what to do
│   ├── CannotCompare          too few players, or too many
│   ├── ChangedMeanwhile       what was being read has been rewritten; ask again
│   ├── FileNotUsable          a file that can't be read or written as asked
│   ├── GroupExists
│   ├── GroupNotFound
│   ├── InvalidGroup           a group's name, key or list of members that can't be read
│   ├── InvalidUsername
│   ├── InvalidInterval
│   ├── InvalidPeriod
│   ├── InvalidTime
│   ├── InvalidZone
│   ├── InvalidCursor          what should continue a list continues none
│   ├── JobNotFound
│   ├── MetricNotFound
│   ├── ModeCheckRefused       the game mode of who is paused or flagged
│   ├── NotAMember
│   ├── NothingToReview
│   ├── NothingToUndo          the player has its name since ever, or since a split
│   ├── PlayerArchived         nobody knows what the player is called now
│   ├── PlayerExists
│   ├── PlayerNotFound
│   ├── PlayersNotFound
│   ├── RenameRefused          what is known of two players can't be of one
│   │   └── SplitRefused       nor may they be made one by a split; nothing was done
│   ├── ReviewRefused          it can't be decided so
│   ├── SameName               whom a split renames can't have the name that stays with the other one
│   └── TokenNotFound
├── SetupError                 this process can't start or go on as configured; a person must act
│   ├── ConfigError
│   ├── InstanceMissing        no database where one was looked for
│   ├── DatabaseNewer          made by a newer program
│   ├── DatabaseBusy           another process is migrating it, running on it or changing the same
│   ├── RedisRefused           a login refused, a malformed URL
│   └── RedisOfAnotherDatabase
├── NotUnique                  a row whose key another row has; storage says what it means
├── Unreachable                a server that should answer does not, now; try again later
│   ├── RedisUnreachable
│   └── DatabaseUnreachable
└── FetchError                 a look that gave no data; `outcome` says what happens next
    ├── NotRanked              count it, slow down after days
    ├── NameRefused            the hiscores call the name invalid
    ├── RateLimited            cool down for everybody, retry
    ├── Unavailable            retry with back-off
    ├── Malformed              alert: the answer is not what it should be
    └── Deferred               no request was made; comes again
        └── UnderWay           somebody else is asking for the same player just now
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum


class Outcome(StrEnum):
    """How one fetch ended; the closed set."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NOT_RANKED = "not_ranked"
    INVALID_NAME = "invalid_name"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    MALFORMED = "malformed"
    DEFERRED = "deferred"


class OsrsdiffError(Exception):
    """Base of all; `str()` of one is fit for a person to read."""


class UserError(OsrsdiffError):
    """What was asked can't be done as asked."""


class CannotCompare(UserError):
    """Fewer or more players than can stand side by side."""

    def __init__(self, least: int, most: int, given: int) -> None:
        self.given = given
        super().__init__(
            f"Name {least} to {most} players; {given} {'is' if given == 1 else 'are'} given, each counted once."
        )


class ChangedMeanwhile(UserError):
    """What was being read has been rewritten by somebody else."""


class FileNotUsable(UserError):
    """A file that can't be opened, is not what it should be, or can't be written."""


class GroupExists(UserError):
    """Another group has this key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"There is a group with the key {key!r} already; give another name, or a key of its own.")


class GroupNotFound(UserError):
    """No group has this key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"No group has the key {key[:60]!r}. Each group's: osrsdiff group list")


class InvalidGroup(UserError):
    """A group's name, key, description, or a role or list of members, outside the rules."""


class InvalidUsername(UserError):
    """A name outside the game's rules."""

    def __init__(self, username: str, why: str) -> None:
        self.username = username
        super().__init__(
            f"{username!r} is not a player name: {why}. "
            "Names have 1 to 12 letters, digits, spaces, hyphens or underscores."
        )


class InvalidInterval(UserError):
    """A fetch interval that is not a whole number of minutes in range."""

    def __init__(self, given: object) -> None:
        self.given = given
        super().__init__(f"{given!r} is not an interval: give a whole number of minutes from 1 to 43200 (30 days).")


class InvalidPeriod(UserError):
    """A period or window that can't be read."""


class InvalidTime(UserError):
    """What should be a date or a time is none."""

    def __init__(self, given: str) -> None:
        self.given = given
        super().__init__(f"{given[:40]!r} is no time; write 2026-01-31 or 2026-01-31T12:00:00Z.")


class InvalidZone(UserError):
    """No time zone has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"No time zone is called {name[:40]!r}: give an IANA name such as Europe/Berlin, or UTC.")


class InvalidCursor(UserError):
    """What should say where a page begins says nothing, or belongs to another list."""

    def __init__(self) -> None:
        super().__init__("This is no `next` of a page of this list; start again without it.")


class JobNotFound(UserError):
    """No job has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(f"No job is called {name[:40]!r}. There are: {', '.join(known)}.")


class ModeCheckRefused(UserError):
    """The player's game mode can't be checked as the player is. `why`: in words, with what to do first by `command`."""

    def __init__(self, display_name: str, why: str, command: str) -> None:
        self.display_name = display_name
        super().__init__(f"The game mode of {display_name} can't be checked: it {why}, with {command} {display_name!r}")


class NotAMember(UserError):
    """The player is not in the group."""

    def __init__(self, username: str, group: str) -> None:
        self.username = username
        self.group = group
        super().__init__(f"{username[:40]} is not in the group {group}.")


class NothingToReview(UserError):
    """The player is not flagged. `ended`: how its last review ended, None where there never was one."""

    def __init__(self, name: str, ended: str | None) -> None:
        self.name = name
        self.ended = ended
        last = f"the last review was {ended}" if ended else "it was never flagged"
        super().__init__(f"There is nothing to review of {name[:40]}: {last}.")


class MetricNotFound(UserError):
    """Neither the game nor anything seen so far has such a metric."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        super().__init__(
            f"No metric is called {metric[:60]!r}: give its key, such as attack, or its name as the hiscores spell it."
        )


class NothingToUndo(UserError):
    """No change of the player's name stands that could be taken back.

    `split_from`: what it was called until it was split off, where that is the newest change; None else.
    """

    def __init__(self, display_name: str, split_from: str | None = None) -> None:
        self.display_name = display_name
        self.split_from = split_from
        super().__init__(
            f"{display_name} was never given another name here, or it was taken back: nothing to undo."
            if split_from is None
            else f"{display_name} has its name since a split, which is not undone like a name. Where both are one "
            f"player after all: osrsdiff player rename {display_name!r} {split_from!r} --force"
        )


class PlayerArchived(UserError):
    """The player has an archived name, under which the hiscores know nobody."""

    def __init__(self, display_name: str) -> None:
        self.display_name = display_name
        super().__init__(
            f"{display_name} can't be fetched: nobody knows what the player is called now. "
            f"To give it its name, rename it: osrsdiff player rename {display_name!r} NEW_NAME"
        )


class PlayerExists(UserError):
    """The player is tracked already. `what_to_do`: what is said instead, where a name can't be given back for it."""

    def __init__(self, username: str, what_to_do: str | None = None) -> None:
        self.username = username
        super().__init__(what_to_do or f"{username} is tracked already.")


class PlayerNotFound(UserError):
    """No tracked player has this name. `now_called`: what who had it is called now, None where nobody had."""

    def __init__(self, username: str, now_called: str | None = None) -> None:
        self.username = username
        self.now_called = now_called
        hint = (
            f"Add it with: osrsdiff player add {username!r}"
            if now_called is None
            else f"Who was called so is {now_called!r} now."
        )
        super().__init__(f"No tracked player is called {username!r}. {hint}")


class PlayersNotFound(UserError):
    """Nobody of these names is tracked."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        super().__init__(f"Not tracked: {', '.join(names)}. Add them with: osrsdiff player add")


class RenameRefused(UserError):
    """A name that can't be given. `reasons`: all of them. `may_force`: whether somebody who knows better may insist."""

    def __init__(self, before: str, after: str, reasons: Sequence[str], *, may_force: bool = True) -> None:
        self.before = before
        self.after = after
        self.reasons = reasons
        self.may_force = may_force
        insist = " Where you know better, insist: --force." if may_force else ""
        super().__init__(f"{before} can't be made {after}: {'; '.join(reasons)}.{insist}")


class SplitRefused(RenameRefused):
    """A split after which the player of before can't be called as wanted; nothing was done.

    `refused`: why not. `archived`: what the player would be called after the split alone.
    """

    def __init__(self, refused: RenameRefused, archived: str) -> None:
        super().__init__(refused.before, refused.after, refused.reasons, may_force=refused.may_force)
        self.archived = archived
        insist = (
            f" Split it alone: osrsdiff review split {self.before!r}; then, where you know better: "
            f"osrsdiff player rename {archived!r} {self.after!r} --force"
        )
        reasons = "; ".join(self.reasons)
        self.args = (
            f"{self.before} can't be made {self.after}: {reasons}. Nothing was done.{insist if self.may_force else ''}",
        )


class ReviewRefused(UserError):
    """A review that can't be decided so, or not just now; the message says what to do."""


class SameName(UserError):
    """A split is to rename a player to the name that it has, and that the newcomer is to keep."""

    def __init__(self, display_name: str) -> None:
        super().__init__(
            f"{display_name} is what the newcomer goes on being called: give the other name by which the player of "
            "before goes on, or none."
        )


class TokenNotFound(UserError):
    """No token has this id."""


class SetupError(OsrsdiffError):
    """This process can't start or go on as configured."""


class ConfigError(SetupError):
    """A key that is unknown or a value that is bad; the message names key, place and what was expected."""


class InstanceMissing(SetupError):
    """No database where one was looked for."""


class DatabaseNewer(SetupError):
    """The database was made by a newer program."""


class DatabaseBusy(SetupError):
    """Another process holds the database, what is to be changed in it, or its data directory."""


class RedisRefused(SetupError):
    """Redis can't be used as configured: malformed URL, refused login."""


class RedisOfAnotherDatabase(SetupError):
    """Under this instance's prefix Redis holds what another database wrote."""


class NotUnique(OsrsdiffError):
    """A row has a key that another row has, and which only one may have. Storage turns it into what that means."""


class Unreachable(OsrsdiffError):
    """A server that should answer does not; passes by itself or by its operator."""


class RedisUnreachable(Unreachable):
    """Redis does not answer."""


class DatabaseUnreachable(Unreachable):
    """The database server does not answer."""


class FetchError(OsrsdiffError):
    """A look that gave no data. `retry_after_s`: what the server or the budget asked for, None where nobody said."""

    outcome: Outcome

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class NotRanked(FetchError):
    """404: not on this table. Unreliable in one shot."""

    outcome = Outcome.NOT_RANKED


class NameRefused(FetchError):
    """400: the hiscores call the name invalid."""

    outcome = Outcome.INVALID_NAME


class RateLimited(FetchError):
    """429 or 403."""

    outcome = Outcome.RATE_LIMITED


class Unavailable(FetchError):
    """Down, redirecting, blocked, timed out, cut short. `opens_breaker`: whether everybody should pause."""

    outcome = Outcome.UNAVAILABLE

    def __init__(self, message: str, *, retry_after_s: float | None = None, opens_breaker: bool = True) -> None:
        self.opens_breaker = opens_breaker
        super().__init__(message, retry_after_s=retry_after_s)


class Malformed(FetchError):
    """A complete answer that is not what the format promises."""

    outcome = Outcome.MALFORMED


class Deferred(FetchError):
    """No token could be had: breaker open, budget spent, Redis away. No request was made, no failure is counted."""

    outcome = Outcome.DEFERRED


class UnderWay(Deferred):
    """Another fetch of this player asks the hiscores just now, or has stored its look first."""
