"""What options and arguments take: parsed once, here, into the types that the layers below want."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import IO

import click

from osrsdiff.errors import InvalidUsername
from osrsdiff.game.intervals import parse_interval
from osrsdiff.game.periods import PERIODS
from osrsdiff.game.usernames import tracked_name


class IntervalType(click.ParamType[int]):
    """Whole minutes from 1 to 43200."""

    name = "minutes"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,  # noqa: ARG002 - click's signature
        ctx: click.Context | None,  # noqa: ARG002 - the same
    ) -> int:
        """The minutes. Raises InvalidInterval."""
        return parse_interval(value)


class TimeType(click.ParamType[datetime]):
    """A date, or a date and a time; on this machine's clock where it has no offset."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time as aware UTC."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value).strip()).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 2026-01-31, '2026-01-31 12:00' or 2026-01-31T12:00Z.", param, ctx)


INTERVAL = IntervalType()
NAMES_FILE = click.File(encoding="utf-8-sig", errors="replace")
"""What is not UTF-8 becomes a character that no name has, so that only its line is refused."""
FILE = click.option(
    "--file", type=NAMES_FILE, metavar="FILE", help="Names, one a line; # starts a comment, - is stdin."
)
NAMES = click.argument("names", nargs=-1, metavar="NAME...", required=True)
JSON = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
TIME = TimeType()
GROUP = click.option("--group", metavar="GROUP", help="Only who is in this group.")
AFTER = click.option(
    "--after", metavar="NEXT", help="What follows a page: the `next` of that page, as --json prints it."
)

Work = Callable[..., None]


def over_span(default: str) -> Callable[[Work], Work]:
    """The options of a span: `period`, or `start` and `end`. `default`: the period where none is given."""
    options = (
        click.option(
            "--period",
            metavar="PERIOD",
            help=f"{', '.join(PERIODS)}, or a duration such as 3d12h; ends now.  [default: {default}]",
        ),
        click.option(
            "--from", "start", type=TIME, metavar="TIME", help="Instead of a period: 2026-01-31, '2026-01-31 12:00'."
        ),
        click.option("--to", "end", type=TIME, metavar="TIME", help="With --from; now where it is left out."),
    )

    def with_options(work: Work) -> Work:
        for option in reversed(options):
            work = option(work)
        return work

    return with_options


def names_given(names: Iterable[str], file: IO[str] | None) -> list[str]:
    """The names of a command line and of a file, each player once, in the first spelling and order.

    A file has one name a line; blank lines and what follows a # don't count.
    """
    lines = (line.partition("#")[0].strip() for line in file or ())
    first: dict[str, str] = {}
    for name in [*names, *filter(None, lines)]:
        first.setdefault(_identity(name), name)
    return list(first.values())


def _identity(name: str) -> str:
    """What makes two names one; a name outside the rules is itself."""
    try:
        return tracked_name(name)
    except InvalidUsername:
        return name
