"""Checks everybody whose game mode is due, one after the other, as the lower class of the request budget.

Once a day each ironman's mode is to be shown; whose own row was seen to go on since the day before is not due. Where
time is up another run does the rest.
"""

import time
from collections.abc import AsyncIterator

from msgspec import Struct, field

from osrsdiff.errors import Deferred
from osrsdiff.game.modes import SECOND_LOOK_AFTER, Verdict
from osrsdiff.scheduling.constants import CHECK_MODES_TASK, FIXED_JOBS
from osrsdiff.scheduling.minutes import latest_run
from osrsdiff.storage import modes
from osrsdiff.storage.players import Player
from osrsdiff.tracking.fetcher import Fetcher, noted_as_under_way
from osrsdiff.tracking.mode_checks import LONGEST_RUN_S, ModeChecked, check_player

_PAGE = 50


class ModesChecked(Struct):
    """What a run came to. `checked`: players of whom something was asked. `first`: whose mode was found for the first
    time. `undecided`: of whom nothing was learnt. `is_more`: whether it has stopped at somebody who is due.
    `visited`: whom it has got to.
    """

    checked: int = 0
    requests: int = 0
    changed: int = 0
    first: int = 0
    pending: int = 0
    flagged: int = 0
    undecided: int = 0
    is_more: bool = False
    visited: set[int] = field(default_factory=set)

    def add(self, one: ModeChecked) -> None:
        """Counts a check."""
        self.visited.add(one.player_id)
        self.checked += one.requests > 0
        self.requests += one.requests
        self.changed += one.verdict is Verdict.CHANGED
        self.first += one.verdict is Verdict.FIRST
        self.pending += one.verdict is Verdict.PENDING
        self.flagged += one.verdict is Verdict.IMPOSSIBLE
        self.undecided += one.verdict is None


async def check_modes(fetcher: Fetcher, *, within_s: float = LONGEST_RUN_S) -> ModesChecked:
    """Checks everybody whose mode is due, as the lower class of the request budget, until it is done or time is up."""
    report = ModesChecked()
    end = time.monotonic() + within_s

    async def take() -> None:
        await fetcher.budget.take_spare(end - time.monotonic())

    with noted_as_under_way(fetcher):
        async for player in _due(fetcher):
            report.is_more = time.monotonic() >= end
            if report.is_more:
                break
            try:
                one = await check_player(fetcher, player.id, take)
            except Deferred:
                report.is_more = True
                break
            if one is not None:
                report.add(one)
    return report


async def is_more_due(fetcher: Fetcher, visited: set[int]) -> bool:
    """Whether somebody is due whom a run has not visited."""
    async for player in _due(fetcher):
        if player.id not in visited:
            return True
    return False


async def _due(fetcher: Fetcher) -> AsyncIterator[Player]:
    now = fetcher.clock()
    begun = latest_run(FIXED_JOBS[CHECK_MODES_TASK], now) or now
    last = 0
    while True:
        async with fetcher.db.reading() as connection:
            page = await modes.due(
                connection,
                begun=begun,
                second_look_before=fetcher.clock() - SECOND_LOOK_AFTER,
                after_id=last,
                limit=_PAGE,
            )
        for player in page:
            yield player
        if len(page) < _PAGE:
            return
        last = page[-1].id
