"""Where a page of a list begins, as an opaque text that clients hand back. Pure."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

import msgspec

from osrsdiff.errors import InvalidCursor

_LONGEST = 500

T = TypeVar("T")


def cursor(place: object) -> str:
    """The place as a text of letters, digits, hyphens and underscores."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_cursor(given: str, into: type[T]) -> T:
    """The place of a cursor. Raises InvalidCursor for what is none, or one of a list in another order."""
    if len(given) > _LONGEST:
        raise InvalidCursor
    try:
        return msgspec.json.decode(urlsafe_b64decode(given + "=" * (-len(given) % 4)), type=into)
    except ValueError as error:
        raise InvalidCursor from error
