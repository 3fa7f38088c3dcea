"""How lists go on over HTTP: the header that leads to the following page. No lists of its own."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from msgspec import UNSET


def leading_on(
    path: str, limit: int, following: object | None, given: Mapping[str, object] | None = None
) -> dict[str, str]:
    """The header `Link` to the following page, nothing where there is none.

    `path`: as it stands in URLs. `given`: what else was asked for; what is UNSET or None is left out.
    """
    if following is None:
        return {}
    asked = {name: _text(value) for name, value in (given or {}).items() if value is not UNSET and value is not None}
    parameters = urlencode({"limit": limit, "after": following, **asked}, quote_via=quote)
    return {"Link": f'<{path}?{parameters}>; rel="next"'}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
