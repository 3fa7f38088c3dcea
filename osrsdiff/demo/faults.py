"""What can go wrong with an answer, on demand: which fault, for whom, how often. A queue and no network."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from osrsdiff.game.modes import GameMode
from osrsdiff.game.usernames import canonical


class FaultKind(StrEnum):
    """The answers that a careful client must survive."""

    NOT_FOUND = "not_found"
    """404."""
    NAME_REFUSED = "name_refused"
    """400."""
    RATE_LIMITED = "rate_limited"
    """429; with Retry-After where the fault has `retry_after`."""
    UNAVAILABLE = "unavailable"
    """503; with Retry-After where the fault has `retry_after`."""
    REDIRECT = "redirect"
    """302 to a page that says sorry."""
    HTML = "html"
    """200 with that page."""
    TRUNCATED = "truncated"
    """Half of the announced body, then the connection closes."""
    DRIP_FEED = "drip_feed"
    """The right body, a byte every `pause_s`."""
    STALE = "stale"
    """The right body as it was `by_s` ago."""
    LOGOUT = "logout"
    """The right body; `by_s` pass before the next request, as where a player logs out between two."""
    NEW_BOSS = "new_boss"
    """An activity more, `metric` or one that nobody knows."""
    MISSING_SKILL = "missing_skill"
    """A skill less, `metric` or Hunter."""


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that goes wrong. `player` None: for all; `table` None: on all; `times` None: until cleared.

    `retry_after`: as sent, seconds or an HTTP date.
    """

    kind: FaultKind
    player: str | None = None
    table: GameMode | None = None
    times: Annotated[int, Meta(ge=1)] | None = None
    retry_after: str | None = None
    pause_s: Annotated[float, Meta(gt=0)] = 0.5
    by_s: Annotated[float, Meta(gt=0)] = 3600.0
    metric: str | None = None


class Faults:
    """Faults waiting for requests, the oldest that fits first."""

    def __init__(self, waiting: Iterable[Fault] = ()) -> None:
        self._waiting = [_with_canonical_player(fault) for fault in waiting]

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, fault: Fault) -> None:
        """Puts a fault behind those that wait. Raises InvalidUsername."""
        self._waiting.append(_with_canonical_player(fault))

    def clear(self) -> None:
        """Nothing goes wrong from now on."""
        self._waiting.clear()

    def take(self, username: str, table: GameMode) -> Fault | None:
        """The fault for this request, one time of it used up; None where all is well. `username` is canonical."""
        for place, fault in enumerate(self._waiting):
            if fault.player in (None, username) and fault.table in (None, table):
                self._use(place, fault)
                return fault
        return None

    def _use(self, place: int, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times == 1:
            del self._waiting[place]
        else:
            self._waiting[place] = replace(fault, times=fault.times - 1)


def _with_canonical_player(fault: Fault) -> Fault:
    return fault if fault.player is None else replace(fault, player=canonical(fault.player))
