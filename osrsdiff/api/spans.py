"""What requests say about time: which span, in which zone. Parsed once, refused naming the field."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo

from msgspec import UNSET, UnsetType

from osrsdiff.api import problems, schemas
from osrsdiff.api.parsing import or_none, read_time
from osrsdiff.api.problems import Refused
from osrsdiff.errors import InvalidPeriod, InvalidZone
from osrsdiff.game.zones import zone_named
from osrsdiff.tracking.windows import Asked


def read_zone(tz: str | UnsetType) -> tzinfo:
    """The zone, UTC where none is given. Raises Refused."""
    if tz is UNSET:
        return UTC
    try:
        return zone_named(tz.replace(" ", "+"))  # an unescaped plus, as in Etc/GMT+2, arrives as a blank
    except InvalidZone as error:
        raise Refused(problems.INVALID_FIELD, f"tz: {error}", field="tz") from error


def read_span(query: schemas.SpanQuery, zone: tzinfo) -> Asked:
    """The span; times without an offset are on the zone's clock. Raises Refused."""
    period = or_none(query.period)
    return Asked(period, _time("from", query.start, zone), _time("to", query.to, zone))


@contextmanager
def naming_the_field(asked: Asked) -> Iterator[None]:
    """Turns InvalidPeriod into a refusal that names what was given."""
    try:
        yield
    except InvalidPeriod as error:
        field = "period" if asked.period is not None else "from" if asked.start else "to"
        raise Refused(problems.INVALID_PERIOD, str(error), field=field) from error


def _time(name: str, text: str | UnsetType, zone: tzinfo) -> datetime | None:
    return None if text is UNSET else read_time(name, text, zone)
