"""Asks the hiscores about one player: which table, which other one where that has nobody, what an answer says of them.

The caller has the place in the request budget for the first request; here it is taken for a second one.
"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from osrsdiff.errors import FetchError, Malformed, NameRefused, NotRanked, RateLimited, Unavailable
from osrsdiff.game.modes import GameMode, is_behind, totals
from osrsdiff.game.snapshots import State, missing_skills
from osrsdiff.hiscores.budget import RequestBudget
from osrsdiff.hiscores.parser import Observation, parse
from osrsdiff.storage import history
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking.fetcher import Fetcher


class Answer(Struct, frozen=True):
    """What a table shows of a player, and when it said so: storing may wait for long, as while a laptop sleeps.

    `is_ahead`: it was asked since the own row stands behind what is known, and has more than that.
    """

    table: GameMode
    observation: Observation
    at: datetime
    is_ahead: bool = False


async def known(db: Database, player_id: int) -> tuple[Player, State | None] | None:
    """A player and what is known of it; None where there is no such player."""
    async with db.reading() as connection:
        return await history.load_player(connection, player_id)


async def look(fetcher: Fetcher, player: Player, state: State | None) -> Answer:
    """What the table of the player's mode shows; where the player is not on it, another one that may have the player.

    An ironman's own row may have stayed while main was read, which had more: then main is read on, and nothing falls.
    Raises NotRanked where that has not either, else what `ask` and the budget raise.
    """
    try:
        own = await ask(fetcher, player, player.game_mode, state)
    except NotRanked:
        other = other_table(player, state)
        if other is None:
            raise
        await fetcher.budget.take()
        return await ask(fetcher, player, other, state)
    if state is None or player.game_mode is GameMode.REGULAR or not is_behind(own.observation.sheet, state.sheet):
        return own
    return await _ahead_of(own, fetcher, player, state)


async def _ahead_of(own: Answer, fetcher: Fetcher, player: Player, state: State) -> Answer:
    """What main shows where that is more than the own row, which is behind; else the own row: then all has fallen."""
    await fetcher.budget.take()
    try:
        main = await ask(fetcher, player, GameMode.REGULAR, state)
    except NotRanked:
        return own
    own_xp, xp = totals([own.observation.sheet, main.observation.sheet])
    return replace(main, is_ahead=True) if xp > own_xp else own


def other_table(player: Player, state: State | None) -> GameMode | None:
    """Where else to look for a player whom the table of the mode has not: main has everybody, or almost.

    Of those nobody has seen yet some are ironmen whom main lacks.
    """
    if player.game_mode is not GameMode.REGULAR:
        return GameMode.REGULAR
    return GameMode.IRONMAN if state is None and player.mode_checked_at is None else None


async def ask(fetcher: Fetcher, player: Player, table: GameMode, state: State | None) -> Answer:
    """What one table shows. Tells all workers what that says of the hiscores themselves.

    Raises NotRanked, NameRefused, RateLimited, Unavailable, Malformed.
    """
    try:
        body = await fetcher.client.fetch(player.username, table)
        at = fetcher.clock()
        observation = parse(body)
    except FetchError as error:
        await _tell(fetcher.budget, error)
        raise
    await fetcher.budget.succeeded()
    if missing := missing_skills(state, observation.sheet):
        raise Malformed(f"the answer lacks {', '.join(missing)}, which this player had")
    return Answer(table, observation, at)


async def _tell(budget: RequestBudget, error: FetchError) -> None:
    match error:
        case RateLimited() | Unavailable(opens_breaker=True):
            await budget.troubled(error.retry_after_s)
        case NotRanked() | NameRefused() | Malformed():
            await budget.succeeded()
