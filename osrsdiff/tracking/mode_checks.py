"""Checks of one player's game mode: what the tables tell of, judged and stored.

Only what all tables say, asked in their order, changes a mode, and only where a second look some minutes later says the
same. An outage says nothing: nothing is stored then. Nor is anything where the player was changed meanwhile.
"""

from datetime import datetime
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from osrsdiff import logs
from osrsdiff.errors import Deferred, FetchError, ModeCheckRefused, NameRefused, PlayerArchived, UnderWay, UserError
from osrsdiff.game.events import Event, EventKind, mode_detail
from osrsdiff.game.modes import SECOND_LOOK_AFTER, SECOND_LOOK_WITHIN, GameMode, ModeChange, Pending, Verdict, judge
from osrsdiff.game.reviews import Why
from osrsdiff.game.usernames import is_archived
from osrsdiff.storage import events, modes, reviews
from osrsdiff.storage.connection import Step
from osrsdiff.storage.engine import Database
from osrsdiff.storage.players import Player
from osrsdiff.tracking import looks
from osrsdiff.tracking.asking import Answer, known
from osrsdiff.tracking.fetcher import Fetcher, noted_as_under_way
from osrsdiff.tracking.mode_tables import Tables, Take, find_mode

log = logs.get(__name__)

LONGEST_RUN_S = 240.0
"""So long checks go on in one task; another one does the rest, so that what a dying worker gives back is never much."""


class ModeChecked(Struct, frozen=True):
    """How the check of one player's mode ended. `mode`: what the player is tracked as now.

    `verdict`: None where nothing is known, `message` says why. `changed_from`: the mode before, where it changed.
    `pending`: what this first look has found; a second one, from `second_look_at` on, has to find it too. `found`: what
    the tables told of, whatever came of it.
    """

    player_id: int
    mode: GameMode
    verdict: Verdict | None = None
    found: GameMode | None = None
    changed_from: GameMode | None = None
    pending: GameMode | None = None
    second_look_at: datetime | None = None
    requests: int = 0
    message: str | None = None


async def check_mode(
    fetcher: Fetcher, player_id: int, *, spare: bool = False, patience_s: float = LONGEST_RUN_S
) -> ModeChecked | None:
    """Looks whether a player's mode is right, and changes it where a second look has found another one too.

    `spare`: as the lower class of the request budget, which is waited for `patience_s` before each request. None where
    the player is gone. What the hiscores didn't say stands in the report's message.
    """
    take: Take = partial(fetcher.budget.take_spare, patience_s) if spare else fetcher.budget.take
    with noted_as_under_way(fetcher):
        try:
            return await check_player(fetcher, player_id, take)
        except Deferred as error:
            return await _put_off(fetcher.db, player_id, error)


async def check_player(fetcher: Fetcher, player_id: int, take: Take) -> ModeChecked | None:
    """Checks one player; `take` gives each request its place in the budget. None where the player is gone.

    Raises Deferred where it gave none, with nothing stored.
    """
    loaded = await known(fetcher.db, player_id)
    if loaded is None:
        return None
    player, state = loaded
    if refusal := refused(player):
        return ModeChecked(player.id, player.game_mode, message=str(refusal))
    tables = Tables(fetcher, player, state, take)
    try:
        found = await find_mode(tables, player, state)
    except Deferred:
        raise
    except FetchError as error:
        log.warning("game mode not checked", player=player.username, reason=error, player_id=player.id)
        if isinstance(error, NameRefused):
            await fetcher.db.write_together(modes.tried(player, tables.began_at))
        return ModeChecked(player.id, player.game_mode, requests=tables.requests, message=str(error))
    return await _settle(fetcher, player, tables, found)


async def _put_off(db: Database, player_id: int, error: Deferred) -> ModeChecked | None:
    log.warning("game mode not checked", player_id=player_id, reason=error)
    loaded = await known(db, player_id)
    return loaded and ModeChecked(player_id, loaded[0].game_mode, message=str(error))


def refused(player: Player) -> UserError | None:
    """Why the player's mode can't be checked, and what to do; None where it can.

    Not of who is paused either: nothing would ask for the second look.
    """
    if is_archived(player.username):
        return PlayerArchived(player.display_name)
    if player.flagged_at is not None:
        return ModeCheckRefused(player.display_name, "is flagged: review it first", "osrsdiff review show")
    if not player.is_active:
        return ModeCheckRefused(player.display_name, "is paused: resume it first", "osrsdiff player resume")
    return None


async def _settle(fetcher: Fetcher, player: Player, tables: Tables, found: GameMode | None) -> ModeChecked:
    """Stores what the look comes to."""
    report = ModeChecked(player.id, player.game_mode, found=found, requests=tables.requests)
    if found is None:
        await fetcher.db.write_together(modes.tried(player, tables.began_at))
        return replace(report, message=f"the hiscores don't tell the game mode of {player.username}")
    verdict = judge(
        player.game_mode,
        found,
        tables.began_at,
        is_checked=player.mode_checked_at is not None,
        pending=_pending(player),
    )
    report = replace(report, verdict=verdict)
    match verdict:
        case Verdict.RIGHT:
            stored = await fetcher.db.write_together(modes.right(player, tables.began_at))
        case Verdict.PENDING:
            return await _await_second_look(fetcher, player, found, tables.began_at, report)
        case Verdict.IMPOSSIBLE:
            stored = await fetcher.db.write_together(await _flagging(fetcher, player, found))
        case Verdict.FIRST | Verdict.CHANGED:
            return await _change(fetcher, player, tables.of(found), report)
    return report if stored else _overtaken(report)


def _pending(player: Player) -> Pending | None:
    if player.mode_pending is None or player.mode_pending_at is None:
        return None
    return Pending(player.mode_pending, player.mode_pending_at)


async def _await_second_look(
    fetcher: Fetcher, player: Player, found: GameMode, tables_asked_at: datetime, report: ModeChecked
) -> ModeChecked:
    """Notes what this first look has found; not anew where another one has just found it too."""
    first = _pending(player)
    if first is None or first.mode is not found or tables_asked_at - first.at > SECOND_LOOK_WITHIN:
        first = Pending(found, fetcher.clock())
        if not await fetcher.db.write_together(modes.pending(player, first)):
            return _overtaken(report)
    return replace(report, pending=found, second_look_at=first.at + SECOND_LOOK_AFTER)


async def _flagging(fetcher: Fetcher, player: Player, found: GameMode) -> list[Step]:
    now = fetcher.clock()
    async with fetcher.db.reading() as connection:
        after = await modes.last_shown(connection, player)
    was, is_now = (mode.replace("_", " ") for mode in (player.game_mode, found))
    detail = f"a {was} account became {is_now}, which none can"
    log.warning("game mode cannot be", player=player.username, before=player.game_mode.value, found=found.value)
    flag = reviews.flag_steps(player.id, at=now, after=after, why=Why.IMPOSSIBLE_MODE, detail=detail)
    return modes.cannot_be(player, now, flag)


async def _change(fetcher: Fetcher, player: Player, answer: Answer, report: ModeChecked) -> ModeChecked:
    """Gives the player the mode that was found, tells of it where it is a change, and stores what its table shows."""
    async with fetcher.db.reading() as connection:
        after = await modes.last_shown(connection, player)
    change = ModeChange(answer.at, after, player.game_mode, answer.table)
    is_change = report.verdict is Verdict.CHANGED
    steps = modes.set_to(player, change.mode, at=change.at, after=change.after)
    if is_change:
        steps += _told(player, change, fetcher.reckons)
    if not await fetcher.db.write_together(steps):
        return _overtaken(report)
    log.info(
        "game mode changed" if is_change else "game mode found",
        player=player.username,
        before=change.before.value,
        mode=change.mode.value,
        player_id=player.id,
    )
    await _store_look(fetcher, player, answer)
    return replace(report, mode=change.mode, changed_from=change.before if is_change else None)


def _told(player: Player, change: ModeChange, reckons: bool) -> list[Step]:
    event = Event(EventKind.MODE_CHANGE, change.at, change.after, detail=mode_detail(change.before, change.mode))
    return [*modes.changed(player.id, change), *(events.steps(player.id, [event], {}) if reckons else [])]


async def _store_look(fetcher: Fetcher, player: Player, answer: Answer) -> None:
    """Stores what the new table has shown, compared with what is known now; a fetch that was quicker did it, too."""
    loaded = await known(fetcher.db, player.id)
    if loaded is None or loaded[0].username != player.username:
        return
    try:
        await looks.store(fetcher.db, loaded[0], loaded[1], answer.observation, answer.at, reckons=fetcher.reckons)
    except UnderWay as error:
        log.debug("look not stored", player=player.username, reason=error)


def _overtaken(report: ModeChecked) -> ModeChecked:
    message = "the player was changed meanwhile; nothing is stored of this check"
    return ModeChecked(report.player_id, report.mode, requests=report.requests, message=message)
