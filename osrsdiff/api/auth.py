"""Who may call: bearer tokens and what their scope covers. Knows no routes and changes nothing.

Reads are for anyone while `api.public_read` is on; a credential that comes with such a read is not looked at, since a
proxy in front may have sent one of its own.
"""

import time
from collections.abc import Callable
from hashlib import sha256

from osrsdiff.api import problems
from osrsdiff.api.calls import Access
from osrsdiff.api.problems import Refused
from osrsdiff.storage.engine import Database
from osrsdiff.storage.tokens import Scope, Token
from osrsdiff.tracking.tokens import verify_token

REMEMBERED_S = 3.0
"""How long a token that was valid is not asked for again: the longest that a revoked one still reads."""
_MOST_REMEMBERED = 1024
_LONGEST_TOKEN = 200
_CHALLENGE = 'Bearer realm="osrsdiff"'


class Gate:
    """Lets a request through or raises Refused (401, 403).

    Remembers valid tokens, by hash, for a few seconds, for reads: whoever changes something is looked up each time.
    """

    def __init__(
        self, db: Callable[[], Database], *, public_read: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._clock = clock
        self._open = {Access.ANYONE, Access.READ} if public_read else {Access.ANYONE}
        self._remembered: dict[bytes, tuple[Token, float]] = {}

    def is_open(self, access: Access) -> bool:
        """Whether such routes need no token."""
        return access in self._open

    async def admit(self, authorization: str | None, access: Access) -> None:
        """Returns where a request with this `Authorization` header may call a route of this access."""
        if access in self._open:
            return
        token = await self._token(_bearer(authorization), remembered=access is not Access.ADMIN)
        if access is Access.ADMIN and token.scope is not Scope.ADMIN:
            raise Refused(
                problems.FORBIDDEN,
                f"This needs a token of the scope admin; this one has the scope {token.scope}.",
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="admin"'},
            )

    async def _token(self, plain: str, *, remembered: bool) -> Token:
        key, now = sha256(plain.encode()).digest(), self._clock()
        token, until = self._remembered.get(key, (None, 0.0))
        if remembered and token is not None and now < until:
            return token
        token = await verify_token(self._db(), plain)
        if token is None:
            self._remembered.pop(key, None)
            raise _not_valid("The token is unknown or revoked.")
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = token, now + REMEMBERED_S
        return token


def _bearer(authorization: str | None) -> str:
    if authorization is None:
        raise Refused(
            problems.UNAUTHORIZED,
            "This needs a token: send it as 'Authorization: Bearer <token>'. Make one with: osrsdiff token create",
            headers={"WWW-Authenticate": _CHALLENGE},
        )
    scheme, _, plain = authorization.partition(" ")
    plain = plain.strip()
    if scheme.lower() != "bearer" or not plain or not plain.isascii() or len(plain) > _LONGEST_TOKEN:
        raise _not_valid("The header Authorization must be 'Bearer <token>'.")
    return plain


def _not_valid(why: str) -> Refused:
    challenge = f'{_CHALLENGE}, error="invalid_token"'
    return Refused(problems.UNAUTHORIZED, why, headers={"WWW-Authenticate": challenge})
