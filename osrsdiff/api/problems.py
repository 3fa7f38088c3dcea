"""Every error answer: RFC 9457 problem details. Owns which exception becomes which status, and what a client is told.

Knows nothing of routes. What is unexpected tells the client a request id and nothing else; the traceback is logged.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from osrsdiff import errors, logs

log = logs.get(__name__)

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = 10


class Problem(Struct, omit_defaults=True):
    """An error, as RFC 9457 describes it."""

    type: Annotated[
        str,
        Meta(
            description="Which kind of problem: a reference into this instance's documentation.",
            examples=["/docs#player-not-found"],
        ),
    ]
    title: Annotated[str, Meta(examples=["Player is not tracked"])]
    status: Annotated[int, Meta(examples=[404])]
    detail: Annotated[str, Meta(description="What went wrong this time, and what to do.")]
    instance: Annotated[str, Meta(description="The path that was asked for.")]
    field: Annotated[str | None, Meta(description="What was refused in the body or the query.")] = None
    request_id: Annotated[str | None, Meta(description="What to look for in the log.")] = None


class Kind(Struct, frozen=True):
    """A kind of problem. `meaning` is for the documentation; `slug` is empty where the status says all."""

    slug: str
    status: int
    title: str
    meaning: str

    @property
    def type(self) -> str:
        """Where this instance documents the kind."""
        return f"/docs#{self.slug}" if self.slug else "about:blank"


MALFORMED = Kind("malformed-request", 400, "Malformed request", "Not HTTP, or a body that is not JSON.")
UNAUTHORIZED = Kind(
    "unauthorized",
    401,
    "Token missing or not valid",
    "Send `Authorization: Bearer <token>` with a token that is valid.",
)
FORBIDDEN = Kind("forbidden", 403, "Token may not do this", "The token's scope does not cover this request.")
NOT_FOUND = Kind("not-found", 404, "Nothing here", "No such path.")
PLAYER_NOT_FOUND = Kind("player-not-found", 404, "Player is not tracked", "No tracked player has this name.")
GROUP_NOT_FOUND = Kind("group-not-found", 404, "No such group", "The list of groups names those that there are.")
NOT_A_MEMBER = Kind("not-a-member", 404, "Player is not in the group", "The list of its members names who is.")
TASK_NOT_FOUND = Kind("task-not-found", 404, "No such task", "The list of tasks names those that there are.")
METRIC_NOT_FOUND = Kind(
    "metric-not-found", 404, "No such metric", "Neither the game nor any player seen so far has a metric of this name."
)
METHOD_NOT_ALLOWED = Kind(
    "method-not-allowed", 405, "Method not allowed here", "The header `Allow` lists what this path takes."
)
TOO_SLOW = Kind("too-slow", 408, "Body came too slowly", "The body was not complete in time.")
PLAYER_EXISTS = Kind(
    "player-exists", 409, "Player is tracked already", "A player of this name, in any spelling, exists."
)
GROUP_EXISTS = Kind("group-exists", 409, "Key is taken", "Another group has this key; give one of its own.")
NOTHING_TO_REVIEW = Kind(
    "nothing-to-review", 409, "Nothing to review", "The player is not flagged, or somebody else has just decided."
)
RENAME_REFUSED = Kind(
    "rename-refused",
    409,
    "Can't be one player",
    "What is known of the two contradicts itself; `detail` has all reasons, and says whether one may insist.",
)
NOTHING_TO_UNDO = Kind(
    "nothing-to-undo", 409, "Nothing to undo", "No change of the name stands; a split is not undone."
)
MODE_CHECK_REFUSED = Kind(
    "mode-check-refused", 409, "Can't be checked now", "The player is paused or flagged; resume or review it first."
)
PLAYER_ARCHIVED = Kind(
    "player-archived", 409, "Player is archived", "Nobody knows what the player is called now; rename it first."
)
REVIEW_REFUSED = Kind(
    "review-refused", 409, "Can't be decided so", "`detail` says why: not so, or not while older looks are brought in."
)
TOO_LARGE = Kind("too-large", 413, "Body too large", "It may have 1 MiB at most; `osrsdiff import` takes larger files.")
MEDIA_TYPE_REFUSED = Kind(
    "unsupported-media-type", 415, "Body is not JSON", "Send `Content-Type: application/json`, not compressed."
)
INVALID_FIELD = Kind(
    "invalid-field", 422, "Field not valid", "`field` names what in the body or the query was refused."
)
INVALID_USERNAME = Kind("invalid-username", 422, "Not a player name", "The name is outside the game's rules.")
INVALID_INTERVAL = Kind("invalid-interval", 422, "Not a fetch interval", "Intervals are whole minutes from 1 to 43200.")
INVALID_PERIOD = Kind("invalid-period", 422, "Not a period", "The period or the window can't be read.")
INVALID_GROUP = Kind(
    "invalid-group", 422, "Not a group", "The name, the key or a role is outside the rules, or the list can't be read."
)
INTERNAL = Kind(
    "internal-error", 500, "Something went wrong here", "A fault of this program; `request_id` finds it in the log."
)
REDIS_UNREACHABLE = Kind(
    "redis-unreachable", 503, "Redis does not answer", "Reading goes on; try again after `Retry-After` seconds."
)
DATABASE_UNREACHABLE = Kind(
    "database-unreachable", 503, "The database does not answer", "Try again after `Retry-After` seconds."
)
DATABASE_BUSY = Kind(
    "database-busy",
    503,
    "The database is busy",
    "Somebody else changes the same; try again after `Retry-After` seconds.",
)
CHANGED_MEANWHILE = Kind(
    "changed-meanwhile", 503, "Rewritten meanwhile", "What was being read was rewritten; try again after `Retry-After`."
)
MISCONFIGURED = Kind(
    "misconfigured", 503, "This instance can't work as configured", "Its operator must act; the log says what to do."
)

KINDS: tuple[Kind, ...] = tuple(kind for kind in globals().values() if isinstance(kind, Kind))

_BY_ERROR: Mapping[type[BaseException], Kind] = {
    errors.InvalidUsername: INVALID_USERNAME,
    errors.InvalidInterval: INVALID_INTERVAL,
    errors.InvalidCursor: INVALID_FIELD,
    errors.InvalidPeriod: INVALID_PERIOD,
    errors.PlayerExists: PLAYER_EXISTS,
    errors.PlayerNotFound: PLAYER_NOT_FOUND,
    errors.PlayersNotFound: PLAYER_NOT_FOUND,
    errors.MetricNotFound: METRIC_NOT_FOUND,
    errors.GroupExists: GROUP_EXISTS,
    errors.GroupNotFound: GROUP_NOT_FOUND,
    errors.InvalidGroup: INVALID_GROUP,
    errors.NotAMember: NOT_A_MEMBER,
    errors.ReviewRefused: REVIEW_REFUSED,
    errors.NothingToReview: NOTHING_TO_REVIEW,
    errors.RenameRefused: RENAME_REFUSED,
    errors.NothingToUndo: NOTHING_TO_UNDO,
    errors.PlayerArchived: PLAYER_ARCHIVED,
    errors.ModeCheckRefused: MODE_CHECK_REFUSED,
    errors.ChangedMeanwhile: CHANGED_MEANWHILE,
    errors.JobNotFound: TASK_NOT_FOUND,
    errors.TokenNotFound: NOT_FOUND,
    errors.UserError: INVALID_FIELD,
    errors.RedisUnreachable: REDIS_UNREACHABLE,
    errors.DatabaseUnreachable: DATABASE_UNREACHABLE,
    errors.DatabaseBusy: DATABASE_BUSY,
    errors.SetupError: MISCONFIGURED,
}
_BY_STATUS: Mapping[int, Kind] = {
    kind.status: kind for kind in (MALFORMED, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE, MEDIA_TYPE_REFUSED)
}


class Refused(Exception):
    """A request that is answered with a problem of `kind`."""

    def __init__(
        self, kind: Kind, detail: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.kind = kind
        self.field = field
        self.headers = headers or {}
        super().__init__(detail)


def answer(error: BaseException, *, path: str, method: str, request_id: str) -> web.Response:
    """The problem that `error` is to a client. Logs what a person must know of."""
    refused = _refusal(error, path, method)
    kind = refused.kind
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _report(error, kind, path, method, request_id)
    problem = Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=str(refused),
        instance=path,
        field=refused.field,
        request_id=request_id if kind is INTERNAL else None,
    )
    return web.Response(
        status=kind.status,
        body=msgspec.json.encode(problem),
        content_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **refused.headers},
    )


def told(error: BaseException) -> str:
    """What a client is told of what it asked for in vain: no commands, which only who runs the instance can type."""
    if isinstance(error, errors.PlayerNotFound):
        hint = "" if error.now_called is None else f" Who was called so is {error.now_called!r} now."
        return f"No tracked player is called {error.username[:40]!r}.{hint}"
    if isinstance(error, errors.SplitRefused):
        insist = f" Split it without `renamed_to`; then, where you know better, rename {error.archived!r} with `force`."
        reasons = f"{error.before} can't be made {error.after}: {'; '.join(error.reasons)}."
        return f"{reasons} Nothing was done.{insist if error.may_force else ''}"
    if isinstance(error, errors.NothingToUndo) and error.split_from is not None:
        return (
            f"{error.display_name} has its name since a split, which is not undone like a name. Where both are one "
            f"player after all, rename it to {error.split_from!r} with `force`."
        )
    if isinstance(error, errors.PlayerArchived):
        return (
            f"{error.display_name} can't be fetched: nobody knows what the player is called now. "
            "To give it its name, rename it."
        )
    if isinstance(error, errors.RenameRefused):
        insist = " Where you know better, insist: send `force`." if error.may_force else ""
        return f"{error.before} can't be made {error.after}: {'; '.join(error.reasons)}.{insist}"
    if isinstance(error, errors.PlayersNotFound):
        return f"Not tracked: {', '.join(error.names)}."
    if isinstance(error, errors.MetricNotFound):
        return f"No metric is called {error.metric[:60]!r}. A player's current sheet, `stats`, lists all by their keys."
    if isinstance(error, errors.InvalidCursor):
        return f"after: {error}"
    if isinstance(error, errors.GroupNotFound):
        return f"No group has the key {error.key[:60]!r}."
    if (kind := _kind_of(error)).status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"{kind.title}."
    return str(error)


def _kind_of(error: BaseException) -> Kind:
    return next((_BY_ERROR[cls] for cls in type(error).__mro__ if cls in _BY_ERROR), INTERNAL)


def _refusal(error: BaseException, path: str, method: str) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, web.HTTPException):
        return _of_http(error, path, method)
    kind = _kind_of(error)
    match kind.status:
        case 500:
            return Refused(kind, "This is a fault of osrsdiff, not of the request. Its log says more.")
        case 503:
            return Refused(kind, f"{kind.title}. {kind.meaning}", headers=_RETRY if kind is not MISCONFIGURED else {})
        case _:
            field = "after" if isinstance(error, errors.InvalidCursor) else _FIELDS.get(kind.slug)
            return Refused(kind, told(error), field=field)


_RETRY = {"Retry-After": str(_RETRY_AFTER_S)}
_FIELDS = {INVALID_USERNAME.slug: "username", INVALID_INTERVAL.slug: "fetch_interval_minutes"}


def _of_http(error: web.HTTPException, path: str, method: str) -> Refused:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Refused(METHOD_NOT_ALLOWED, f"{path} takes {allowed}, not {method}.", headers={"Allow": allowed})
    if isinstance(error, web.HTTPNotFound):
        return Refused(NOT_FOUND, f"There is nothing at {path}. All paths are listed at /docs.")
    kind = _BY_STATUS.get(error.status)
    if kind is None:
        phrase = HTTPStatus(error.status).phrase
        kind = Kind("", error.status, phrase, phrase)
    return Refused(kind, kind.meaning)


def _report(error: BaseException, kind: Kind, path: str, method: str, request_id: str) -> None:
    fields = {"method": method, "path": path, "request_id": request_id}
    if kind is INTERNAL:
        log.exception("request failed", error=repr(error), **fields)
    else:
        log.warning("request could not be served", reason=error, **fields)
