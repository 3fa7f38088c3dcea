"""Turns query strings and bodies into the types of the table of routes, or refuses them naming the field.

The only place of the API that looks at raw input; nothing further in validates again.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType
from multidict import MultiMapping

from osrsdiff.api import problems
from osrsdiff.api.calls import JSON
from osrsdiff.api.problems import Refused
from osrsdiff.api.schemas import LONGEST_TIME
from osrsdiff.errors import InvalidTime
from osrsdiff.game.intervals import parse_interval
from osrsdiff.game.zones import read_moment

MAX_BODY_BYTES = 1024 * 1024
BODY_TIMEOUT_S = 10.0

T = TypeVar("T", bound=msgspec.Struct)
Given = TypeVar("Given")

_EXPLAINED: Mapping[str, Callable[[object], object]] = {"fetch_interval_minutes": parse_interval}
"""Fields whose refusal has words of its own: raised by the parser of the field's domain."""


def read_query(given: MultiMapping[str], into: type[T]) -> T:
    """The query string as `into`. Raises Refused for a parameter that is unknown, repeated or out of range."""
    for name in given:
        if len(given.getall(name)) > 1:
            raise _refused(name, "it is given more than once")
    return _struct(dict(given), into, strict=False)


async def read_body(request: web.Request, into: type[T]) -> T:
    """The JSON object in the body as `into`. Raises Refused, or HTTPRequestEntityTooLarge."""
    _check_headers(request)
    text = await _complete(request)
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(problems.MALFORMED, f"The body is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise Refused(problems.INVALID_FIELD, "The body must be a JSON object.")
    return _struct(document, into, strict=True)


def or_none(value: Given | UnsetType) -> Given | None:
    """What was given, None where it was left out."""
    return None if value is UNSET else value


def read_time(name: str, text: str, zone: tzinfo = UTC) -> datetime:
    """A date or a date and time in ISO 8601, on the zone's clock where it has no offset. Raises Refused."""
    try:
        if len(text) > LONGEST_TIME:
            raise InvalidTime(text)
        # an unescaped plus of an offset arrives as a blank
        return read_moment(text.replace(" ", "+") if "T" in text else text, zone)
    except InvalidTime as error:
        raise Refused(problems.INVALID_FIELD, f"{name}: {error}", field=name) from None


def _struct(given: Mapping[str, object], into: type[T], *, strict: bool) -> T:
    fields = _fields(into)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in fields:
            raise _refused(name[:40], _known(fields))
        values[fields[name].name] = _value(fields[name], value, strict=strict)
    missing = [name for name, field in fields.items() if field.required and name not in given]
    if missing:
        raise _refused(missing[0], "it is required")
    return into(**values)


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def _value(field: msgspec.structs.FieldInfo, value: object, *, strict: bool) -> object:
    try:
        return msgspec.convert(value, field.type, strict=strict)
    except msgspec.ValidationError as error:
        if (explain := _EXPLAINED.get(field.encode_name)) and not isinstance(value, dict | list):
            explain(value)
        choices = _choices(field.type)
        raise _refused(field.encode_name, f"{error}; one of {', '.join(choices)}" if choices else str(error)) from error


def _choices(kind: Any) -> list[str]:
    """The values that a field takes, where they are a closed set."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    return [choice for part in get_args(kind) for choice in _choices(part)]


def _known(fields: Mapping[str, object]) -> str:
    return f"it is not known here; known: {', '.join(fields)}" if fields else "nothing is taken here"


def _refused(field: str, why: str) -> Refused:
    return Refused(problems.INVALID_FIELD, f"{field}: {why}.", field=field)


def _check_headers(request: web.Request) -> None:
    if request.content_type != JSON:
        raise Refused(problems.MEDIA_TYPE_REFUSED, f"Send the body as {JSON}, not as {request.content_type[:80]}.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(problems.MEDIA_TYPE_REFUSED, "Send the body as it is, not compressed.")
    if request.content_length is not None and request.content_length > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES)


async def _complete(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except TimeoutError as error:
        raise Refused(problems.TOO_SLOW, f"The body was not complete within {BODY_TIMEOUT_S:.0f} s.") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Refused(problems.MALFORMED, "The body was cut short or is not what its headers announce.") from error
